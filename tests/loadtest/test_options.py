"""Options that make no sense are told in one line; --quick and defaults fill in the rest."""

import argparse

import pytest

from loadtest import options


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    chosen = parser.parse_args(words)
    options.check(parser, chosen)
    return chosen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--users", "0"], "at least 1"),
        (["--users", "-3"], "not a whole number"),
        (["--users", "1.5"], "not a whole number"),
        (["--start", "0"], "above 0"),
        (["--start", "nan"], "not a number"),
        (["--start", "1e999"], "not a number"),
        (["--soak-seconds", "-1"], "not be below 0"),
        (["--factor", "1"], "above 1, not 1"),
        (["--symbols", "ETHBTC,DOGEBTC"], "DOGEBTC of ETHBTC"),
        (["--symbols", ","], "none of ETHBTC"),
        (["--mix", "place=x"], "'place=x' is not one of"),
        (["--generators", "3", "--connections", "2"], "3 generators need at least as many connections"),
        (["--database", "mysql"], "invalid choice"),
        (["--server", "apache"], "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*words)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_server_of_the_own_instance_is_chosen() -> None:
    assert parsed().server == "daphne"
    assert parsed("--server", "uvicorn").server == "uvicorn"


def test_a_connection_for_each_user_and_a_seed_of_its_own() -> None:
    first, second = parsed("--users", "7"), parsed()

    assert (first.connections, second.connections) == (7, 50)
    assert first.seed != second.seed
    assert parsed("--seed", "x").seed == "x"


def test_quick_is_short_but_for_what_is_said() -> None:
    chosen = parsed("--quick", "--users", "9", "--symbols", "ethbtc")

    assert (chosen.users, chosen.max_rate, chosen.soak_seconds) == (9, 40.0, 4.0)
    assert chosen.symbols == ["ETHBTC"]


def test_all_options_have_a_group_and_so_reach_the_controller() -> None:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)

    assert set(options.names(parser)) == set(vars(parser.parse_args([])))


def test_every_option_is_documented() -> None:
    from launcher.instance import ROOT

    parser = argparse.ArgumentParser(add_help=False)
    options.add_arguments(parser)
    document = (ROOT / "docs" / "loadtest.md").read_text()

    assert [word for action in parser._actions for word in action.option_strings if f"`{word}" not in document] == []
