"""`vigil replay`: the whole product over files of events, in event time."""
