"""ScientistCloud's upload API, of both of its generations, at its own paths: views of the rows of all uploads."""
