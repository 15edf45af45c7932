"""Settings of Django's own tests: PyMySQL, a server named by the environment,
and a runner that writes each test's outcome into a file."""

import json
import os
import unittest

import pymysql

pymysql.install_as_MySQLdb()

from django.test.runner import DiscoverRunner  # noqa: E402  (after MySQLdb is there)


def database(name):
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": os.environ["SHOCK_HOST"],
        "PORT": os.environ["SHOCK_PORT"],
        "USER": os.environ["SHOCK_USER"],
        "PASSWORD": os.environ["SHOCK_PASSWORD"],
        "NAME": name,
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"NAME": name, "CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


DATABASES = {"default": database("shock_django"), "other": database("shock_django_other")}
SECRET_KEY = "the tests want one"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False


class Result(unittest.TextTestResult):
    """Notes outcomes; the worst of a test and its subtests counts."""

    outcomes = {}
    worse = ["pass", "skip", "fail"]

    def note(self, test, what):
        name = test.id()
        was = self.outcomes.get(name, "pass")
        self.outcomes[name] = max(was, what, key=self.worse.index)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "pass")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "pass")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skip")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "fail")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "fail")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "fail")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "fail")


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result

    def run_suite(self, suite, **kwargs):
        result = super().run_suite(suite, **kwargs)
        with open(os.environ["SHOCK_REPORT"], "w") as f:
            json.dump(Result.outcomes, f)
        return result


TEST_RUNNER = "shock_settings.Runner"
