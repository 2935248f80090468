"""What a file is: encoding, dialect and the line of the header, found from its bytes."""
