"""The pages, one a module: Inbox, Review, Bulk, Runs, Graphs, Insights, Audit."""
