"""Clients that the black-box suite drives: raw bytes over TCP, and the official client in Node.

Nothing here imports the product: what is tested is what goes over the wire.
"""
