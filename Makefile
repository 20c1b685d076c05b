# `make check` is what has to pass before a commit, cheapest first. Each step also runs alone.

BIN := .venv/bin
PYTEST := $(BIN)/pytest --quiet

.PHONY: screens check format lint types contracts unit time-travel processes test bench lock chaos audit

check: lint types contracts unit time-travel processes

check format lint types contracts unit time-travel processes bench lock chaos: | $(BIN)/uv

$(BIN)/uv:
	./mc --help >/dev/null

# Changes files; `lint` only tells what would change.
format:
	$(BIN)/ruff format . mc
	$(BIN)/ruff check --fix . mc

lint:
	$(BIN)/ruff format --check . mc
	$(BIN)/ruff check . mc

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

unit:
	$(PYTEST) tests/unit tests/properties tests/house

time-travel:
	$(PYTEST) tests/time_travel

processes:
	$(PYTEST) tests/story tests/integration tests/faults

# Take the pictures in docs/screens again; needs Chromium.
screens:
	$(BIN)/python -m tests.browser.screens

# Look the locked requirements up among the known vulnerabilities. Fails if not all could be looked up.
audit:
	python3 .ci/audit_requirements.py

# Everything in one run, after setting up: what .ci/run does.
test:
	./mc test

# `up` stopped at two hundred moments of its start; beat killed a thousand times while a herd falls due; two beats
# paused a hundred times beyond their lease; workers and beats killed a hundred times while two thousand occurrences
# run, in pipelines, under a limit and within budgets; other examples of all properties; hundreds of histories of all
# policies; every mutant of every policy; two hundred tasks over a year; ten thousand replays of signed messages; a
# thousand occurrences that are run after all, while beats and workers are killed; ten thousand forecasts of when a run
# starts; an hour of two hundred tasks that is decided about again.
# Some minutes each. CHAOS_SEED makes them others.
chaos: PYTEST += -o faulthandler_timeout=0
chaos:
	UP_STOPS=200 $(PYTEST) tests/integration/cli/test_up_stops.py -k any_moment
	CHAOS_KILLS=1000 $(PYTEST) tests/faults/test_beat_chaos.py
	CHAOS_PAUSES=100 $(PYTEST) tests/faults/test_paused_beats.py
	RUN_CHAOS_KILLS=100 RUN_CHAOS_OCCURRENCES=2000 $(PYTEST) tests/faults/test_run_chaos.py
	YEAR_TASKS=200 SIDE_BY_SIDE_ENTRIES=200 $(PYTEST) tests/time_travel
	BACKFILL_OCCURRENCES=1000 $(PYTEST) tests/faults/test_backfill_with_kills.py
	LEDGER_EXAMPLES=300 $(PYTEST) --hypothesis-profile=exploring tests/properties
	POLICY_EXAMPLES=300 MUTANTS=0 $(PYTEST) tests/properties/test_policy_machine.py tests/properties/test_policy_mutations.py
	HOUR_TASKS=200 $(PYTEST) tests/time_travel/test_replay.py
	ETA_LOADS=10000 $(PYTEST) tests/properties/test_eta_intervals.py
	FACES_EXAMPLES=300 $(PYTEST) tests/properties/test_faces_agree.py
	MC_REST_EXAMPLES=300 $(PYTEST) tests/integration/web/test_rest_schema.py
	REPLAYS=10000 $(PYTEST) tests/integration/ledger/test_replayed_messages.py

# Compare with stock RedBeat, a bare worker and other queues: about half an hour on an otherwise idle machine.
bench:
	$(BIN)/python -m benchmarks all

# The second file is what the image installs: the same versions without the developers' tools, except for
# the build backend. The third is for `make audit`, and the fourth for the benchmarks alone: the task queues that ours
# is compared with.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header

lock:
	$(COMPILE) --extra dev pyproject.toml -o requirements.lock
	echo hatchling | $(COMPILE) pyproject.toml - --constraint requirements.lock -o deploy/requirements.lock
	$(COMPILE) .ci/pip-audit.in -o .ci/pip-audit.lock
	echo django-htmx==1.29.0 | $(COMPILE) --no-deps - -o deploy/page-scripts.lock
	$(COMPILE) --override benchmarks/peers.override benchmarks/peers.in -o benchmarks/peers.lock
