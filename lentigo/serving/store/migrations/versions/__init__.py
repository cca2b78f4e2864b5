"""The revisions of the store's tables, oldest first. One that was released is never changed."""
