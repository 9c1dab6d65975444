"""The pages, one a module: Inbox, Review, Bulk, Runs, Graphs, Insights, Audit.

Streamlit takes a folder called ``pages`` beside the app for a navigation of its own, and tells the first visitor of a
link that its page is not there: so it is not called that.
"""
