"""The client of the ISIC archive: searching, downloading, and the folder that keeps what came."""
