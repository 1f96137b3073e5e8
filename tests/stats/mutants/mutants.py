#!/usr/bin/env python3
"""Breaks each formula in turn, and expects the reference vectors to notice.

    mutants.py BUILD_FOLDER MUTANTS.json CASES.json

MUTANTS.json is a list of {"name", "file", "old", "new"}: in `file` the text `old`, which stands there exactly once,
becomes `new`. The one changed file is compiled as the build does it, linked before the libraries that have the sound
one, and the runner is run. Prints a line for each and, last, "caught N of N"; exits 1 when one was not caught, and 2
when one cannot be made (the formula was moved: mend MUTANTS.json).
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile


def commands_of(build):
    """{source file: its compile command}, and the command that links stats_vectors."""
    with open(os.path.join(build, "compile_commands.json")) as file:
        compile_commands = {entry["file"]: entry["command"] for entry in json.load(file)}
    links = subprocess.run(["ninja", "-C", build, "-t", "commands", "stats_vectors"], check=True,
                           capture_output=True, text=True).stdout.strip().splitlines()
    return compile_commands, links[-1]


def object_of(command, source, target):
    """The compile command, of another source into another object."""
    words = shlex.split(command)
    if words and os.path.basename(words[0]) == "ccache":
        words = words[1:]
    words[words.index("-o") + 1] = target
    words[words.index("-c") + 1] = source
    return words + ["-w"]  # a mutant may leave a parameter unused


def linked(command, extra_object, target):
    """The link command with one more object, which comes before every library."""
    words = [word for word in shlex.split(command) if word not in (":", "&&")]
    output = words.index("-o") + 1
    words[output] = target
    return words[:output + 1] + [extra_object] + words[output + 1:]


def main():
    build, mutants_file, cases = (os.path.abspath(path) for path in sys.argv[1:4])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    with open(mutants_file) as file:
        mutants = json.load(file)
    compile_commands, link_command = commands_of(build)
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        for mutant in mutants:
            original = os.path.join(root, mutant["file"])
            with open(original) as file:
                text = file.read()
            if text.count(mutant["old"]) != 1:
                print(f"{mutant['name']}: stands {text.count(mutant['old'])} times in {mutant['file']}, not once: "
                      f"{mutant['old']}")
                return 2
            source = os.path.join(folder, "mutant.cc")
            with open(source, "w") as file:
                file.write(text.replace(mutant["old"], mutant["new"]))
            made = os.path.join(folder, "mutant.o")
            program = os.path.join(folder, "stats_vectors")
            for words in (object_of(compile_commands[original], source, made), linked(link_command, made, program)):
                done = subprocess.run(words, cwd=build, capture_output=True, text=True)
                if done.returncode != 0:
                    print(f"{mutant['name']}: does not build\n{done.stderr}")
                    return 2
            run = subprocess.run([program, "--cases", cases], capture_output=True, text=True)
            last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else run.stderr.strip()
            is_caught = run.returncode == 1
            caught += is_caught
            print(f"{'caught ' if is_caught else 'MISSED '} {mutant['name']}: {last}", flush=True)
    print(f"caught {caught} of {len(mutants)}")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
