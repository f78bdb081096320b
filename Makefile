# make demo   reads the example photos: needs nothing but Python 3.11 and make
# make test   runs the tests
# make test-attacks  sends the running server what knocked it over once
# make image-test  builds the container's images and runs them: needs root, buildah, debootstrap; IMAGES="openvino" for few
# make bench  measures the time per stage with models of each format, beside RapidOCR; of your photos too: PHOTOS=FOLDER
# Without TensorFlow, in an environment that is set up in seconds:
# make lint       checks style and format
# make types      checks types
# make test-fast  runs the tests that need neither TensorFlow nor Keras, in less than a minute
# Another interpreter: make PYTHON=python3.11 demo

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
MODELS := deploy/models/manifest.json
PIP := $(RUN) -m pip install --disable-pip-version-check --require-virtualenv

IMAGES ?= openvino onnx cpu cuda

FAST := .venv-fast
FAST_RUN := $(FAST)/bin/python

.PHONY: demo test test-attacks image-test lint types test-fast bench
.DELETE_ON_ERROR:

demo: $(MODELS)
	@echo "== reading the photos in resources/examples"
	@$(RUN) recognize.py resources/examples --annotate output/demo || test $$? -eq 1
	@echo "annotated pictures: $(CURDIR)/output/demo"

test: $(VENV)/.requirements-dev $(MODELS)
	@echo "== running the tests"
	@$(RUN) -m pytest -n 2 --dist loadfile

# one after the other: memory and seconds are measured
test-attacks: $(VENV)/.requirements-dev
	@echo "== attacking the server"
	@$(RUN) -m pytest -p no:xdist -m attacks

image-test: $(VENV)/.requirements-dev
	@echo "== building images: $(IMAGES)"
	@IMAGES="$(IMAGES)" $(RUN) -m pytest -p no:xdist -m images -rP tests/images

lint: $(FAST)/.requirements-fast
	@$(FAST_RUN) -m ruff check .
	@$(FAST_RUN) -m ruff format --check .

types: $(FAST)/.requirements-fast
	@$(FAST_RUN) -m mypy

test-fast: $(FAST)/.requirements-fast
	@$(FAST_RUN) -m pytest

bench: $(MODELS) $(VENV)/.requirements-bench
	@$(RUN) bench.py --all_formats $(if $(PHOTOS),--photos $(PHOTOS)) --markdown output/bench.md --picture resources/bench.png

$(VENV)/bin/python:
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# the stamps: packages are installed again when the lists change
$(VENV)/.requirements: requirements.txt | $(VENV)/bin/python
	@echo "== installing requirements.txt into $(VENV) (2.6 GB, some minutes the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

$(FAST)/.requirements-fast: requirements-fast.txt
	@echo "== making $(FAST) from requirements-fast.txt"
	@$(PYTHON) -m venv $(FAST)
	@$(FAST_RUN) -m pip install --disable-pip-version-check --quiet -r requirements-fast.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt requirements-fast.txt requirements-export.txt $(VENV)/.requirements
	@echo "== installing requirements-dev.txt into $(VENV)"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# --no-deps: see requirements-bench.txt
$(VENV)/.requirements-bench: requirements-bench.txt requirements-export.txt $(VENV)/.requirements
	@echo "== installing requirements-export.txt, requirements-bench.txt and RapidOCR into $(VENV)"
	@$(PIP) -r requirements-export.txt -r requirements-bench.txt
	@$(PIP) --no-deps rapidocr-onnxruntime==1.4.4
	@touch $@

$(MODELS): $(wildcard deploy/retinanet/*) deploy/recognition/settings.py deploy/recognition/manifest.py | $(VENV)/.requirements
	@echo "== making deploy/models from deploy/retinanet"
	@$(RUN) deploy/prepare_model.py
	@touch $@
