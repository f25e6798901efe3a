"""Wire messages between the faces and the supervisor."""
