"""The life of one order, in the sequence in which it is lived.

pipeline: from a checked reference to a Remix, one or many. submit: the POST and its stream. poll: the status
endpoint, where the stream is cut or silent. tracker: what is known of the order. download: the audio, checked
by decoding it. recover: the orders of a dead kernel.
"""
