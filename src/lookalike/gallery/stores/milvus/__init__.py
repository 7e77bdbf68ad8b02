"""Codes in Milvus: an embedded one in a file, or a server by its address."""
