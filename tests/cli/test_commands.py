"""The other commands: data on stdout, talk on stderr, exit codes, nothing secret, nothing done without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mpp_console import __version__
from mpp_console.cli.root import cli
from tests.cli.conftest import MERCHANT, Run, Served, environment, lines_of, one, runner

KEY = "0x" + "01" * 32
ADDRESS = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"


# The root ------------------------------------------------------------------------------------------------------------


def test_version_by_script_and_by_click(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mpp_console", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(tmp_path),
    )
    assert done.stdout == f"mpp-console {__version__}\n"
    assert CliRunner().invoke(cli, ["-p", "mainnet", "--version"], prog_name="mpp-console").stdout == done.stdout


def test_help_tells_exit_codes_and_every_command(alone: Run) -> None:
    said = alone("--help").stdout
    assert "3  network" in said
    for name in cli.list_commands(None):  # type: ignore[arg-type]
        assert f"\n  {name} " in said
        assert alone(name, "--help").stdout.startswith(f"Usage: mpp-console {name} ")


def test_without_a_terminal_there_is_no_console(alone: Run) -> None:
    assert "terminal" in alone(code=2).stderr


def test_a_url_as_a_command_is_understood_as_a_slip(alone: Run) -> None:
    assert "mpp-console pay https://a.example" in alone("https://a.example", code=2).stderr


def test_an_unforeseen_pipe_end_is_no_error(beside: Run, served: Served) -> None:
    command = f"{sys.executable} -m mpp_console receipts list --limit 1000 | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        env=environment(served.home),
        check=False,
    )
    assert "Traceback" not in done.stderr


# Accounts ------------------------------------------------------------------------------------------------------------


def test_the_life_of_an_account(devnet: Run) -> None:
    address = devnet("accounts", "create", "main").stdout.strip()
    assert address.startswith("0x")
    devnet("accounts", "watch", "eyes", MERCHANT)
    devnet("accounts", "default", "eyes")
    devnet("accounts", "rename", "eyes", "views")
    listed = json.loads(devnet("accounts", "list", "--json").stdout)
    assert [(account["name"], account["is_default"]) for account in listed] == [("main", False), ("views", True)]
    table = devnet("accounts", "list").stdout.splitlines()
    assert table[0].split("\t") == ["", "name", "address", "kind", "created"]
    assert table[1].split("\t")[1:3] == ["main", address]
    devnet("accounts", "delete", "main", code=2)
    devnet("accounts", "delete", "main", "--confirm", "other", code=2)
    devnet("accounts", "delete", "main", "--confirm", "main")
    assert len(json.loads(devnet("accounts", "list", "--json").stdout)) == 1
    assert devnet("accounts", "restore", "main").stdout.strip() == address


def test_keys_come_in_by_file_and_stdin_and_go_out_by_export_alone(devnet: Run, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    assert devnet("accounts", "import", "one", "--key-file", str(file)).stdout.strip() == ADDRESS
    assert "already" in devnet("accounts", "import", "two", "--key-file", "-", stdin=KEY, code=2).stderr
    devnet("accounts", "import", "two", "--key-file", "-", stdin="not a key", code=2)
    devnet("accounts", "import", "two", "--key-file", "-", stdin=b"\xe0\xff\x00 no text", code=2)
    piped = devnet("accounts", "import", "two", stdin=KEY, code=2)  # there is nobody to ask for it
    assert "a private key is needed" in piped.stderr
    assert "--key-file" in piped.stderr
    assert KEY not in piped.stderr
    for words in (("accounts", "list"), ("accounts", "list", "--json"), ("config", "show")):
        assert KEY[2:] not in devnet(*words).output
    devnet("accounts", "export", "one", code=2)
    assert KEY[2:] not in devnet("accounts", "export", "one", "--confirm", "two", code=2).output
    assert devnet("accounts", "export", "one", "--confirm", "one").stdout.strip() == KEY


def test_an_encrypted_key_file_comes_in(devnet: Run, tmp_path: Path) -> None:
    from eth_account import Account

    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY[2:]), "correct horse", iterations=2)))
    assert devnet("accounts", "import", "one", "--keystore", str(file)).stdout.strip() == ADDRESS
    devnet("accounts", "import", "two", "--keystore", str(file), "--key-file", "-", code=2)


def test_a_key_is_never_a_word_of_the_command_line(devnet: Run) -> None:
    devnet("accounts", "import", "one", KEY, code=2)


def test_without_a_passphrase_or_anybody_to_ask_nothing_hangs(devnet: Run) -> None:
    result = devnet("accounts", "create", "main", code=None, MPP_CONSOLE_PASSPHRASE="")
    assert result.exit_code in {1, 2}
    assert "MPP_CONSOLE_PASSPHRASE" in result.stderr


# Funds ---------------------------------------------------------------------------------------------------------------


def test_balance_fund_receive_transfer(devnet: Run) -> None:
    address = devnet("accounts", "create", "main").stdout.strip()
    devnet("fund")
    before = one(devnet("balance", "--json"))
    assert before["address"] == address
    assert before["balances"][0]["amount"] == "1000000.000000"
    assert devnet("receive").stdout.strip() == address
    assert one(devnet("receive", "--json"))["uri"] == f"ethereum:{address}@1337"
    dry = one(devnet("transfer", "2", MERCHANT, "--dry-run", "--json"))
    assert (dry["sendable"], dry["amount_base_units"]) == (True, "2000000")
    assert "--yes" in devnet("transfer", "2", MERCHANT, code=4).stderr
    sent = devnet("transfer", "2", MERCHANT, "--yes")
    assert sent.stdout.startswith("0x")
    assert "Nothing has been sent" not in sent.stderr
    assert "\t9999" in devnet("balance").stdout
    devnet("transfer", "99999999", MERCHANT, "--yes", code=4)
    assert "Nothing has been sent" in devnet("transfer", "99999999", MERCHANT, "--dry-run", code=4).stderr
    assert one(devnet("transfer", "99999999", MERCHANT, "--dry-run", "--json", code=4))["sendable"] is False
    devnet("transfer", "much", MERCHANT, "--yes", code=2)


def test_an_account_is_chosen_for_one_command(devnet: Run) -> None:
    devnet("accounts", "watch", "one", ADDRESS)
    devnet("accounts", "watch", "two", MERCHANT)
    assert devnet("receive").stdout.strip() == ADDRESS
    assert devnet("--account", "two", "receive").stdout.strip() == MERCHANT
    assert devnet("receive", MPP_CONSOLE_ACCOUNT="two").stdout.strip() == MERCHANT
    devnet("--account", "three", "receive", code=2)


# Receipts ------------------------------------------------------------------------------------------------------------


def test_receipts_listed_shown_exported_and_followed(beside: Run, served: Served, tmp_path: Path) -> None:
    paid = one(beside("pay", "--json", f"{served.url}/pull-only"))
    number = paid["receipt_id"]
    listed = one(beside("receipts", "list", "--json", "dir:sent", "-n", "1"))
    assert [row["id"] for row in listed["receipts"]] == [number]
    more = one(beside("receipts", "list", "--json", "-n", "1"))
    assert one(beside("receipts", "list", "--json", "-n", "1", "--after", more["next"]))["receipts"] != more["receipts"]
    assert (
        one(beside("receipts", "show", "--json", number[:10]))["receipt"]["reference"] == paid["receipt"]["reference"]
    )
    assert f"id\t{number}" in beside("receipts", "show", number).stdout
    beside("receipts", "show", "nothing", code=2)
    beside("receipts", "list", "colour:red", code=2)
    target = tmp_path / "out.csv"
    beside("receipts", "export", "-o", str(target), "dir:sent", number)
    assert len(target.read_text().splitlines()) == 2
    assert target.stat().st_mode & 0o777 == 0o600
    assert "exists" in beside("receipts", "export", "-o", str(target), code=2).stderr
    assert len(lines_of(beside("receipts", "export", "--format", "jsonl", number))) == 1
    last = lines_of(beside("receipts", "tail", "--no-follow", "-n", "2", "--json"))
    assert number in {row["id"] for row in last}


def test_what_was_left_open_is_asked_about(alone: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.services.crash", str(tmp_path / "home"), "served"]
    subprocess.run(command, capture_output=True, check=False, timeout=60)
    facts = one(alone("receipts", "recover", "--json"))
    assert [(row["state"], row["amount"]) for row in facts["ended"]] == [("settled", "0.010000")]
    assert facts["open"] == []
    assert "0 ended, 0 still open" in alone("receipts", "recover").stderr


# Sandbox -------------------------------------------------------------------------------------------------------------


def test_the_sandbox_from_the_shell(alone: Run) -> None:
    result = alone("sandbox", "test")
    assert "paid 0.010000 pathUSD" in result.stderr
    assert one(alone("sandbox", "status", "--json"))["receipts"] == "2"
    alone("sandbox", "reset", code=2)
    kept = one(alone("sandbox", "reset", "--yes", "--json"))["kept_in"]
    assert Path(kept, "history.db").exists()
    assert one(alone("sandbox", "status", "--json"))["receipts"] == "0"


def test_the_sandbox_is_not_swept_away_under_a_server(served: Served) -> None:
    assert "open" in runner(served.home)("sandbox", "reset", "--yes", code=2).stderr


def test_the_sandbox_whatever_the_profile(alone: Run) -> None:
    assert one(alone("--profile", "mainnet", "sandbox", "status", "--json"))["chain_id"] == "1337"


# Settings ------------------------------------------------------------------------------------------------------------


def test_settings_from_the_shell(alone: Run, tmp_path: Path) -> None:
    places = one(alone("config", "path", "--json"))
    assert places["settings"] == str(tmp_path / "home" / "settings.toml")
    alone("config", "init")
    alone("config", "init", code=2)
    assert alone("config", "init", "--stdout").stdout == Path(places["settings"]).read_text()
    assert "profile\tsandbox" in alone("config", "show").stdout
    assert one(alone("config", "check", "--json"))["ok"] is True
    assert one(alone("config", "show", "--json"))["settings"]["console"]["keymap"] == "default"
    assert "setting\tconsole.time = relative" in alone("config", "show").stdout


def test_settings_that_do_not_hold_stop_every_command(alone: Run, tmp_path: Path) -> None:
    path = tmp_path / "home" / "settings.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text('profile = "sandbox"\nacount = "x"\n')
    for words in (("balance",), ("pay", "https://a.example"), ("config", "check")):
        said = alone(*words, code=2).stderr
        assert f"{path}, line 2" in said
        assert "account" in said


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('[console]\ntheme = "x"', 'no theme "x"'),
        ('[console.keys]\n"maximize" = "t"', "Test payment"),
        ('account = "main"\nprofile = "nowhere"', "no profile 'nowhere'"),
    ],
)
def test_settings_that_only_this_program_can_judge_are_checked_too(
    alone: Run, tmp_path: Path, setting: str, said: str
) -> None:
    path = tmp_path / "home" / "settings.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text(setting)
    error = alone("config", "check", code=2).stderr
    assert f"{path}, line 2: " in error
    assert said in error


def test_settings_that_do_not_hold_are_still_found(alone: Run, tmp_path: Path) -> None:
    path = tmp_path / "home" / "settings.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text("profile = ")
    result = alone("config", "path", "--json")
    assert one(result)["settings"] == str(path)
    assert f"{path}" in result.stderr


def test_a_profile_and_a_node_for_one_command(alone: Run) -> None:
    assert "nowhere" in alone("--profile", "nowhere", "balance", code=2).stderr
    assert "node of its own" in alone("--rpc-url", "http://127.0.0.1:1", "balance", code=2).stderr
    alone("--profile", "mainnet", "--rpc-url", "http://127.0.0.1:1", "accounts", "watch", "eyes", MERCHANT)
    alone("--profile", "mainnet", "--rpc-url", "http://127.0.0.1:1", "balance", code=3)
    result = alone("--profile", "mainnet", "--rpc-url", "http://127.0.0.1:1", "balance", "--json", code=3)
    assert {balance["amount"] for balance in one(result)["balances"]} == {None}


@pytest.mark.parametrize(
    "policy",
    [
        'deny_origins = ["no origin"]',
        "[policy.per_day]\nPathUSDD = '1'",
        "[policies.moderato.per_day]\npathUSD = '0.0000001'",
    ],
)
def test_the_check_reads_every_policy(policy: str, alone: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "settings.toml").write_text(f"[policy]\n{policy}\n")
    assert "policy" in alone("config", "check", code=2).stderr


def test_a_ctrl_c_while_it_starts_is_no_traceback(tmp_path: Path) -> None:
    code = "import sys, mpp_console.cli\nclass Finder:\n  def find_spec(*_): raise KeyboardInterrupt\n"
    code += "sys.meta_path.insert(0, Finder); sys.argv[1:] = ['--help']; mpp_console.cli.main()"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


STOPS = {
    "a command without a loop": (["config", "path"], "mpp_console.services.paths.Paths.find"),
    "one within its loop": (["accounts", "list"], "mpp_console.services.Console.open"),
    "the loading of a command": (["receipts", "list"], "mpp_console.cli.root.import_module"),
    "the tidying up at the end": (["--demo", "config", "path"], "shutil.rmtree"),
}


@pytest.mark.parametrize(("words", "where"), STOPS.values(), ids=STOPS)
def test_a_ctrl_c_anywhere_is_a_stop_and_one_quiet_line(words: list[str], where: str, tmp_path: Path) -> None:
    # The signal is sent by the program itself, so that it comes there and nowhere else.
    code = f"""if True:
        import asyncio, os, signal, sys
        from unittest.mock import patch
        import mpp_console.cli, mpp_console.cli.root, mpp_console.services, mpp_console.services.paths, shutil
        def stop(*_, **__):
            os.kill(os.getpid(), signal.SIGINT)
            return asyncio.sleep(3600)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv[1:] = {words!r}
        with patch({where!r}, stop): mpp_console.cli.main()
    """
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, env=environment(tmp_path, TMPDIR=str(tmp_path)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, alone: Run) -> None:
    assert "_MPP_CONSOLE_COMPLETE" in alone("completion", shell).stdout


def test_completion_completes(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mpp-console")],
        env=environment(
            tmp_path, _MPP_CONSOLE_COMPLETE="bash_complete", COMP_WORDS="mpp-console receipts ", COMP_CWORD="2"
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"plain,list", "plain,show", "plain,export", "plain,tail"} <= set(done.stdout.split())
