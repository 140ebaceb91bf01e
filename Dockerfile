# The operator's image, for amd64 and arm64: a slim Python, a layer with the locked dependencies, and one with brood itself.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/image.lock requirements/
RUN python -m venv /opt/brood \
 && /opt/brood/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements/image.lock \
 && /opt/brood/bin/python -m compileall -q -x '/kubernetes/(aio/)?client/(api|models)/' /opt/brood/lib # those are never imported
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/brood/bin/pip install --no-cache-dir --no-deps --no-build-isolation --prefix /opt/package . \
 && /opt/brood/bin/pip uninstall -q -y hatchling packaging pathspec pluggy tomlkit trove-classifiers setuptools pip

FROM python:3.13-slim-bookworm
COPY --from=build /opt/brood /opt/brood
COPY --from=build /opt/package /opt/brood
ENV PATH=/opt/brood/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["brood"]
CMD ["operator"]
