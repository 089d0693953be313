#!/usr/bin/env python3
"""A worker for jobd in Python, with nothing but the standard library.

Start a server, make a token, and run it:

    jobd start &
    JOBD_TOKEN=$(jobd tokens create python --role work) python3 examples/remote/worker.py

Put your own functions into HANDLERS. A function gets the payload and an Attempt, returns the result (anything that is
JSON), and raises to fail: the job runs again after its backoff. Options: JOBD_URL, JOBD_NAMESPACE, and those of --help.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request


# ── what it does ─────────────────────────────────────────────────────────────────────────────────────────────────


def shout(payload, attempt):
    """Enqueue one with: jobd enqueue --type shout --payload '{"text":"hello"}'"""
    attempt.log(f"shouting {payload['text']!r}\n")
    return payload["text"].upper()


def nap(payload, attempt):
    """Sleeps in small steps, so that it can be stopped."""
    end = time.monotonic() + payload.get("ms", 1000) / 1000
    while time.monotonic() < end:
        if attempt.stopped.wait(0.02):
            raise Stopped()
    return {"slept": payload.get("ms", 1000)}


HANDLERS = {"shout": shout, "nap": nap}


# ── how a handler ends other than by returning or raising ────────────────────────────────────────────────────────


class Permanent(Exception):
    """Retrying cannot help: the job becomes a dead letter."""


class Snooze(Exception):
    """Run the job again later; costs none of its attempts."""

    def __init__(self, delay, reason=None):
        super().__init__(reason or "")
        self.delay, self.reason = delay, reason


class Stopped(Exception):
    """The attempt noticed that it is to stop."""


# ── the protocol ─────────────────────────────────────────────────────────────────────────────────────────────────


class ApiError(Exception):
    """The server refused; `code` is stable."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail", f"HTTP {status}"))
        self.status, self.code = status, problem.get("code", "")

    @property
    def temporary(self):
        return self.status >= 500 or self.status in (408, 429)


class Client:
    def __init__(self, url, token, namespace=None):
        self.base = url.rstrip("/") + "/api/v1"
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        if namespace:
            self.headers["jobd-namespace"] = namespace

    def call(self, method, path, body, timeout=10):
        """One request. Raises ApiError for a refusal, OSError when the server cannot be reached."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            try:
                problem = json.loads(error.read())
            except ValueError:
                problem = {}
            raise ApiError(error.code, problem) from None
        except ValueError as error:
            raise OSError(f"the answer broke off: {error}") from None
        except Exception as error:  # http.client has exceptions that are no OSError
            raise error if isinstance(error, OSError) else OSError(str(error)) from None


class Lease:
    """Jobs that are ours until it ends."""

    def __init__(self, client, answer):
        self.client = client
        self.id = answer["lease"]["id"]
        self.seconds = answer["lease"]["leaseMs"] / 1000
        # The answer took a moment to get here; each renewal counts from before its call, so it is on the safe side.
        self.valid_until = time.monotonic() + self.seconds
        self.attempts = {job["id"]: Attempt(self, job) for job in answer["jobs"]}

    def keep(self):
        """Renews the lease until its jobs have ended, and stops those that are to be stopped."""
        renew_at = time.monotonic() + self.seconds / 6
        while self.attempts:
            if time.monotonic() >= renew_at:
                try:
                    self.renew()
                    renew_at = time.monotonic() + self.seconds / 3
                except ApiError as error:
                    if not error.temporary:
                        return self.lose()
                except OSError:
                    pass  # the server is away: it may be back in time
            if time.monotonic() >= self.valid_until - self.seconds / 10:
                return self.lose()
            time.sleep(min(0.25, self.seconds / 20))

    def renew(self):
        asked_at = time.monotonic()
        jobs = list(self.attempts)
        body = {"jobs": jobs, "lease": int(self.seconds * 1000)}
        answer = self.client.call("PATCH", f"/leases/{self.id}", body, timeout=self.seconds / 3)
        self.valid_until = asked_at + self.seconds
        for job in answer["jobs"]:
            attempt = self.attempts.get(job["id"])
            if attempt and job["status"] != "running":
                attempt.stop(lost=job["status"] == "lost")

    def lose(self):
        for attempt in list(self.attempts.values()):
            attempt.stop(lost=True)


class Attempt:
    """One run of a job, as its handler sees it."""

    def __init__(self, lease, job):
        self.lease, self.job = lease, job
        self.stopped = threading.Event()  # set when the handler should stop
        self.lost = False  # nothing that it reports counts any more
        self._pieces = 0

    def stop(self, lost=False):
        self.lost = self.lost or lost
        self.stopped.set()

    def log(self, text):
        for start in range(0, len(text), 16_000):  # whole lines, best; surrogate pairs count twice
            self._note("logs", {"seq": self._pieces, "text": text[start : start + 16_000]})
            self._pieces += 1

    def progress(self, note):
        self._note("progress", {"progress": note})

    def _note(self, what, body):
        """Notes are worth a few tries; the job is not worth less without them."""
        self.report(what, body, tries=3)

    def report(self, what, body, tries=1_000_000):
        """Says something until it is heard. Said twice, because an answer was lost, it counts once."""
        path = f"/leases/{self.lease.id}/jobs/{self.job['id']}/{what}"
        delay = 0.1
        for _ in range(tries):
            if self.lost:
                return None
            try:
                return self.lease.client.call("POST", path, {"attempt": self.job["attempt"], **body})
            except ApiError as error:
                if error.code == "lease_lost":
                    self.stop(lost=True)
                    return None
                if not error.temporary:
                    raise
            except OSError:
                pass
            time.sleep(delay * random.uniform(0.5, 1))
            delay = min(2, delay * 2)
        return None


class HangUp(BaseException):
    """A signal came while we waited for work: the server notices that we have gone, and claims nothing for us."""


class Worker:
    def __init__(self, client, options):
        self.client, self.options = client, options
        self.stopping = threading.Event()
        self.waiting = False  # for an answer to a claim
        self.running = set()
        self.lock = threading.Lock()
        self.free = threading.Semaphore(options.concurrency)

    def stop(self, *_):
        self.stopping.set()
        if self.waiting:
            raise HangUp()

    def run(self):
        delay = 0.1
        while not self.stopping.is_set():
            places = self.take_places()
            if places == 0:
                continue
            used = 0
            try:
                used = self.claim(places)
                delay = 0.1
            except HangUp:
                pass
            except (ApiError, OSError) as error:
                if isinstance(error, ApiError) and not error.temporary:
                    raise SystemExit(f"jobd refuses: {error} ({error.code})") from None
                print(f"jobd cannot be reached: {error}", file=sys.stderr)
                self.stopping.wait(delay * random.uniform(0.5, 1))
                delay = min(5, delay * 2)
            finally:
                for _ in range(places - used):
                    self.free.release()
        self.finish()

    def take_places(self):
        """Waits for room for one job, and takes all that there is."""
        if not self.free.acquire(timeout=0.25):
            return 0
        places = 1
        while self.free.acquire(blocking=False):
            places += 1
        return places

    def claim(self, places):
        options = self.options
        body = {
            "worker": options.name,
            "types": sorted(HANDLERS),
            "limit": min(places, 100),
            "wait": f"{options.wait}s",
            "lease": options.lease,
            **({"queues": options.queues.split(",")} if options.queues else {}),
        }
        self.waiting = True
        try:
            answer = self.client.call("POST", "/leases", body, timeout=options.wait + 10)
        finally:
            self.waiting = False
        if answer["lease"] is None:
            return 0
        lease = Lease(self.client, answer)
        attempts = list(lease.attempts.values())
        threading.Thread(target=lease.keep, daemon=True).start()
        for attempt in attempts:
            with self.lock:
                self.running.add(attempt)
            threading.Thread(target=self.work, args=(attempt,), daemon=True).start()
        return len(attempts)

    def work(self, attempt):
        try:
            what, body = self.outcome(attempt)
            if attempt.lost:
                return
            if self.stopping.is_set() and attempt.stopped.is_set() and what == "fail":
                what, body = "release", {}
            try:
                attempt.report(what, body)
            except ApiError as error:  # such as a result that is too large
                attempt.report("fail", {"error": f"the end could not be reported: {error}"})
        except ApiError as error:
            print(f"job {attempt.job['id']} cannot be reported: {error}", file=sys.stderr)
        finally:
            attempt.lease.attempts.pop(attempt.job["id"], None)
            with self.lock:
                self.running.discard(attempt)
            self.free.release()

    def outcome(self, attempt):
        job = attempt.job
        try:
            result = HANDLERS[job["type"]](job["payload"], attempt)
            json.dumps(result)
            return "complete", {"result": result}
        except Snooze as snooze:
            reason = {"reason": snooze.reason} if snooze.reason else {}
            return "snooze", {"delay": snooze.delay, **reason}
        except Exception as error:  # whatever a handler raises is a failure of its job alone
            failure = {"code": type(error).__name__, "message": str(error) or type(error).__name__}
            return "fail", {"error": failure, "permanent": isinstance(error, Permanent)}

    def finish(self):
        """Lets jobs end for a while, then stops them; what has not ended is handed back, so that others have it at once."""
        end = time.monotonic() + self.options.grace
        while self.running and time.monotonic() < end:
            time.sleep(0.02)
        with self.lock:
            left = list(self.running)
        for attempt in left:
            attempt.stop()
        end = time.monotonic() + 5
        while self.running and time.monotonic() < end:
            time.sleep(0.02)
        for attempt in list(self.running):
            attempt.report("release", {}, tries=3)


def main():
    parser = argparse.ArgumentParser(description="Runs jobs of jobd in Python.")
    parser.add_argument("--name", default=f"python-{socket.gethostname()}-{os.getpid()}"[:127])
    parser.add_argument("--queues", default="", help="queues, separated by commas; default all")
    parser.add_argument("--concurrency", type=int, default=4, help="jobs at once")
    parser.add_argument("--lease", default="30s", help="how long jobs stay ours when we say nothing")
    parser.add_argument("--wait", type=float, default=20, help="how long one claim waits, in seconds")
    parser.add_argument("--grace", type=float, default=20, help="how long jobs may still run after SIGTERM, in seconds")
    options = parser.parse_args()
    token = os.environ.get("JOBD_TOKEN") or sys.exit("Set JOBD_TOKEN; `jobd tokens create NAME --role work` makes one.")
    client = Client(os.environ.get("JOBD_URL", "http://127.0.0.1:8080"), token, os.environ.get("JOBD_NAMESPACE"))
    worker = Worker(client, options)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, worker.stop)
    print(f"{options.name} runs {', '.join(sorted(HANDLERS))}", flush=True)
    worker.run()


if __name__ == "__main__":
    main()
