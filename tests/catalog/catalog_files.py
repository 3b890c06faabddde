"""Writers of small catalogs in every format."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

TEXT_SUFFIXES = [
    f"{kind}{compression}"
    for kind in (".csv", ".tsv", ".jsonl", ".ndjson")
    for compression in ("", ".gz", ".zst")
]
SUFFIXES = [".parquet", ".pq", *TEXT_SUFFIXES]


def write_bytes(path, content):
    """Write bytes, compressed as the name says."""
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    if codec:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(content)
        content = sink.getvalue().to_pybytes()
    path.write_bytes(content)
    return path


def write_rows(path, rows):
    """Write dicts with the same keys in the format that the name says."""
    if path.suffix in (".parquet", ".pq"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ".jsonl" in path.name or ".ndjson" in path.name:
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    else:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t" if ".tsv" in path.name else ",")
        writer.writerow(rows[0])
        writer.writerows(row.values() for row in rows)
        write_bytes(path, text.getvalue().encode())
    return path
