"""Pictures of datasets: what is in one, what lies along its sides, and the drawing."""
