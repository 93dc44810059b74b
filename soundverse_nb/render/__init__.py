"""Static pictures and pages: strings and bytes, made of values, without a notebook in sight."""
