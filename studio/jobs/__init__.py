"""What is running, and what was made. Opens the database, starts processes, knows where data lives.

Nothing here imports torch when it is imported: the page's process uses these modules, and only a worker (or a
command that runs a job in its own process) ever needs the device.
"""

VERSION = 1  # of spec.json, result.json and the PNG text; raised when an old reader would misread a new file
