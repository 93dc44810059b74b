"""The wire: requests, events, answers and the connection to the service. Knows no audio and no notebook."""
