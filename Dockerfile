# The operator's image: a virtual environment made from the lock, on a slim Python, run by a user without rights.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/brood
COPY requirements/run.lock requirements/run.lock
RUN /opt/brood/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/brood/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/brood/bin/python -m compileall -q /opt/brood/lib

FROM python:3.13-slim-bookworm
COPY --from=build /opt/brood /opt/brood
ENV PATH=/opt/brood/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["brood"]
CMD ["operator"]
