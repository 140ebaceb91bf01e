# The operator's image, for amd64 and arm64: a slim Python, a layer with the locked dependencies, and one with brood itself.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/brood
COPY requirements/run.lock requirements/
RUN /opt/brood/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/brood/bin/pip install --no-cache-dir --no-deps --no-build-isolation --prefix /opt/package .

FROM python:3.13-slim-bookworm
COPY --from=build /opt/brood /opt/brood
COPY --from=build /opt/package /opt/brood
ENV PATH=/opt/brood/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["brood"]
CMD ["operator"]
