"""The journal of orders: one SQLite file that says what was ordered and how far it came.

order: one line of it, and what may follow what. row: reading one. journal: the transactions. writer: the
thread they run on. database, location, filesystem: how the file is opened, where it may be, what its file
system can hold. lease: which process looks after an order. errors, salvage: what is wrong, and what saves it.
"""
