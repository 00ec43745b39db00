"""What is in a file, and how a part of it looks: for the page of the service, in a process of its own."""
