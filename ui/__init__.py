"""What a person sees: the Streamlit app, its pages, its pictures."""
