"""The data plane against requests that are wrong in every way we could think of.

`python -m tests.fuzz` sends as many as one wants to a running proxy in front of a stand-in upstream, which answers
with secrets. Whatever comes, there is an answer in the API's shape and never a 500, nothing secret leaves on either
side, and only what was inspected is forwarded.
"""
