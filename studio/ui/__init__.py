"""What a person sees. The only room that knows Gradio and Plotly; it views jobs and never computes them."""
