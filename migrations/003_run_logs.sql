-- What workers write on stdout and stderr, read piece by piece while they run, so that it outlives them.
-- Of two readers that went on from the same piece only one can keep what it read: both want the same seq.
create table run_logs (
  run_id integer not null references runs (id) on delete cascade,
  seq integer not null,
  -- when it was read, at most some seconds after it was written
  at timestamptz not null,
  -- where the next reading goes on; only the worker's runtime understands it
  position text not null,
  text text not null,
  -- Of all that the run wrote: bytes up to the end of this piece, lines before it and up to its end. Where
  -- neighbours do not meet, the middle was left out (LOG_BYTES_PER_RUN).
  byte_end bigint not null,
  line_start bigint not null,
  line_end bigint not null,
  primary key (run_id, seq),
  unique (run_id, position)
);
