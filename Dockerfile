# The page on port 7860, computing on the CPU: docker build -t studio . && docker run -p 7860:7860 -v studio:/data studio
FROM python:3.12-slim
WORKDIR /program
RUN useradd --create-home --uid 1000 studio && mkdir /data && chown studio /data
COPY . .
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu "torch<2.14" . && rm -rf /program/*
USER studio
WORKDIR /home/studio
ENV STUDIO_HOST=0.0.0.0 STUDIO_PORT=7860 STUDIO_DATA_DIR=/data
EXPOSE 7860
CMD ["distillation-studio"]
