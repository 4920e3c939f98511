"""Writes a file's bytes as a C array, for the build: embed.py INPUT OUTPUT NAME. A missing input
gives an empty array."""
import sys

source, target, name = sys.argv[1:4]
try:
    data = open(source, "rb").read()
except FileNotFoundError:
    data = b""
with open(target, "w") as out:
    out.write("/* Made by src/report/embed.py at build time. */\n#include \"report/report_assets.h\"\n")
    out.write(f"const unsigned long {name}_size = {len(data)};\nconst unsigned char {name}[] = {{")
    for i in range(0, len(data), 32):
        out.write("\n" + ",".join(map(str, data[i:i + 32])) + ",")
    out.write("0};\n")
