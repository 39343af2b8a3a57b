/* The protocol between slot, stage and warehouse, small enough that spin looks at every order of its steps, with a crash possible between
   any two. Transactions are 1 to N; a position is the number of the last one below it. Shown are promises 1, 2 and 4 of cdc(7): the slot
   is confirmed only up to what the stage holds durably, a transaction is in the warehouse once, and in the end all of them are.
   Knows: the steps, by the names of the code (Put::find_end, cut, place, Log::append in the writer; State::advance in the loader).
   Must not know: files, formats, engines.
   Each guard of the design has a name. With -DWITHOUT_NAME it is not there, and spin finds what is lost or doubled then.
   -DSLOT_MADE_ANEW: somebody makes the slot anew behind what the stage has; the rest is lost, but nobody may call it complete. */

#ifndef N
#define N 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

byte confirmed;                 /* of the slot: what the server has forgotten; a reader begins here */
byte ack;                       /* the ack file */
byte log_to[N];                 /* manifest of the epoch that extends a position: where it ends; 0: there is none */
byte log_first[N];              /* behind which transaction its rows begin: the position that it extends, if all is well */
bool data[(N + 1) * (N + 1)];   /* data objects of the rows behind FROM up to TO are durable: index FROM * (N + 1) + TO */
byte applied;                   /* position of the warehouse */
byte rows[N + 1];               /* how often a transaction is in the warehouse */
byte crashes;                   /* that may still come */
hidden byte each, in_log;    /* no part of the state: they mean nothing between two steps */

#define object(from, to)   ((from) * (N + 1) + (to))
#define MAY_CRASH          if :: atomic { crashes > 0 -> crashes-- }; goto begin :: true fi

/* The end of the log, by following it. */
inline find_end(end) {
  end = 0; do :: end < N && log_to[end] != 0 -> end = log_to[end] :: else -> break od
}

/* What must hold whenever something has changed. */
inline check() {
  find_end(in_log);
#ifndef SLOT_MADE_ANEW
  assert(confirmed <= in_log);                                   /* what the server has forgotten is in the stage */
#endif
  assert(applied <= in_log);
  each = 1;                                                   /* up to the warehouse's position each is there once, behind it none */
  do :: each <= N -> assert(rows[each] == (each <= applied -> 1 : 0)); each++ :: else -> break od;
  each = 0; in_log = 0
}

/* pgcdc-read | cdc-batch | cdc-stage-put. Two of them: an old pipe may still be there when its successor begins. */
proctype Pipe() {
  byte from, to, first, place;
begin:
  skip;
  d_step { from = confirmed; to = 0; first = 0; place = 0 }      /* what was in memory and in the spool is gone */
  do
  :: from < N ->
     /* An epoch is some whole transactions. */
     atomic { to = from + 1; do :: to < N -> to++ :: break od };
again:
     skip;
     d_step { first = from; find_end(place);                     /* Put::find_end */
#ifndef WITHOUT_CUT
       if :: first < place && place < to -> first = place :: else fi   /* Put::cut */
#endif
     };
     if
#ifndef WITHOUT_GAP_CHECK
     :: first > place -> break                                   /* refused */
#endif
     :: to <= place                                              /* another pipe has put it */
     :: else ->
#ifndef WITHOUT_DATA_FIRST
        data[object(first, to)] = true;                          /* Put::place: durable when it returns */
        MAY_CRASH;
#endif
#ifdef WITHOUT_ACK_AFTER
        d_step { if :: to > ack -> ack = to :: else fi };
        MAY_CRASH;
#endif
        if                                                       /* Log::append */
#ifndef WITHOUT_CREATE_IF_ABSENT
        :: log_to[place] != 0 -> goto again
        :: d_step { log_to[place] == 0 -> log_to[place] = to; log_first[place] = first }
#else
        :: d_step { log_to[place] = to; log_first[place] = first }
#endif
        fi;
#ifdef WITHOUT_DATA_FIRST
        MAY_CRASH;
        data[object(first, to)] = true;
#endif
     fi;
     MAY_CRASH;
     d_step { if :: to > ack -> ack = to :: else fi; first = 0; place = 0 };   /* what is durable; it never goes back */
     MAY_CRASH;
     d_step { from = to; to = 0 }
  :: else -> break
  od
}

/* The reader's confirmation: whatever the ack says by now. */
proctype Confirm() {
  do
  :: d_step { ack > confirmed -> confirmed = ack; check() }
#ifdef WITHOUT_DURABLE_ACK
  :: d_step { confirmed < N -> confirmed++; check() }            /* as a naive reader does: what has been written into the pipe is safe */
#endif
  :: confirmed == N -> break
  :: timeout -> break
  od
}

/* cdc-load: one epoch, one transaction, whose first statement moves the position from where this loader has seen it. */
proctype Load() {
  byte seen, next, first;
begin:
  skip;
  d_step { seen = applied; next = 0; first = 0 }
  do
  :: d_step { seen < N && log_to[seen] != 0 -> next = log_to[seen]; first = log_first[seen] };
     assert(data[object(first, next)]);                          /* a manifest never leads to what is not there */
     MAY_CRASH;
     d_step {
       if
#ifndef WITHOUT_POSITION_GUARD
       :: applied != seen                                        /* State::advance: another loader was here */
#endif
       :: else ->
          each = first + 1;
          do :: each <= next -> rows[each]++; each++ :: else -> break od;
          applied = next;
          check()
       fi
     };
     MAY_CRASH;                                                  /* the answer to COMMIT may be lost: that too */
     d_step { seen = applied; next = 0; first = 0 }
  :: seen == N -> break
  :: timeout -> break
  od
}

#ifdef SLOT_MADE_ANEW
proctype Somebody() { d_step { confirmed < N -> confirmed++ } }
#endif

init {
  atomic {
    crashes = CRASHES;
    run Pipe(); run Pipe(); run Load(); run Load(); run Confirm();
#ifdef SLOT_MADE_ANEW
    run Somebody()
#endif
  };
#ifndef SLOT_MADE_ANEW
  /* Nothing moves any more: all of it has arrived. */
  timeout -> d_step { find_end(in_log); assert(in_log == N); assert(applied == N); assert(confirmed == N) }
#endif
}
