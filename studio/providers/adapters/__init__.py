"""Wire protocols of image providers: pure Python, no Django, no database."""
