"""The journal of orders: one SQLite file that says what was ordered and how far it came.

order: one line of it, and what may follow what. row: reading one. journal: the transactions. entry: one
order's states, written and still to be. writer: the thread that writes. database, location, filesystem: how
the file is opened, where it may be, what its file system can hold. lease: which process follows an order.
errors, salvage: what is wrong, and what saves it.
"""
