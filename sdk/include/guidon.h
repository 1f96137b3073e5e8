/* Evaluates flags in this process, against rules streamed from the server: the C interface of the SDK.
 *
 *   guidon_config config = GUIDON_CONFIG_INIT;
 *   config.server = "http://127.0.0.1:8400";
 *   config.key = getenv("GUIDON_SDK_KEY");
 *   guidon_client *client = guidon_client_new(&config, NULL);
 *   guidon_client_wait_ready(client, 2000, NULL);
 *
 *   guidon_context *user = guidon_context_new("user-42");
 *   guidon_context_set_text(user, "country", "DE");
 *   if (guidon_bool(client, "new-checkout", user, false)) { ... }
 *
 *   guidon_context_free(user);
 *   guidon_client_free(client);
 *
 * C99, for C and for every language that calls C. What happens is what guidon/client.h says of the C++ calls behind it:
 * a read looks at one immutable ruleset in this process, does no I/O, takes no lock, waits for nobody.
 *
 * Text is UTF-8 that ends in NUL. Nothing that is passed in is kept beyond the call but the callbacks and their `user`.
 * Functions take NULL for every object: a read gives its fallback then, others give GUIDON_INVALID_ARGUMENT.
 *
 * Errors are a code, and a message where the call takes a guidon_error, which may be NULL. No C++ exception comes out.
 *
 * Structures begin with their size as the caller was compiled with it (the GUIDON_..._INIT macros set it), so that
 * later versions can add fields at the end, and a program and a library of different versions go together:
 *   - the caller is older, its structure smaller: what it does not have is neither read nor written;
 *   - the caller is newer, its structure larger: what this library does not know stays as it is where it would be
 *     written; where it would be read it has to be 0, for a setting is not ignored in silence.
 * A size in between that no version has had, or one that is less than the first version's, is GUIDON_INVALID_ARGUMENT.
 * guidon_attribute has no size, and never changes.
 *
 * Thread safety: every function may be called from any thread, but one guidon_context is changed by one thread at a
 * time while nobody reads it, and an object is freed once, when nobody uses it any more.
 */
#ifndef GUIDON_H
#define GUIDON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before every function of this interface. */
#if defined(_WIN32)
#define GUIDON_EXPORT
#else
#define GUIDON_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": of the library that is loaded. */
GUIDON_EXPORT const char* guidon_version(void);

/* ---- Errors ------------------------------------------------------------------------------------------------- */

/* What became of a call. */
typedef enum guidon_code {
  GUIDON_OK = 0,
  GUIDON_INVALID_ARGUMENT = 1, /* NULL, a size or a setting that is not known, a number that is not finite */
  GUIDON_NOT_READY = 2,        /* no ruleset within the time, or none will come; the message says why */
  GUIDON_TIMED_OUT = 3,        /* not done within the deadline */
  GUIDON_NO_MEMORY = 4,
  GUIDON_FAILED = 5 /* anything else; the message says what */
} guidon_code;

/* Bytes of a message, its NUL among them. */
#define GUIDON_MESSAGE_SIZE 512

/* What became of a call, in words. Made with GUIDON_ERROR_INIT, and filled by the call. */
typedef struct guidon_error {
  size_t size;                       /* sizeof(guidon_error) */
  guidon_code code;                  /* what the call returns, where it returns a code */
  char message[GUIDON_MESSAGE_SIZE]; /* for people; cut to fit */
} guidon_error;
/* No error. */
#define GUIDON_ERROR_INIT \
  { sizeof(guidon_error), GUIDON_OK, "" }

/* ---- Contexts: who a flag is evaluated for ------------------------------------------------------------------- */

/* A key and attributes. */
typedef struct guidon_context guidon_context;

/* NULL when there is no memory. `key` may be NULL: splits by key find no unit then. */
GUIDON_EXPORT guidon_context* guidon_context_new(const char* key);
/* One of its own with the same content. NULL when there is no memory, or nothing to copy. */
GUIDON_EXPORT guidon_context* guidon_context_copy(const guidon_context* context);
/* When nobody evaluates it any more. NULL is left alone. */
GUIDON_EXPORT void guidon_context_free(guidon_context* context);
/* Empties it and gives it another key: for a loop over many users. */
GUIDON_EXPORT guidon_code guidon_context_reset(guidon_context* context, const char* key);

/* Sets or replaces. NULL text removes. */
GUIDON_EXPORT guidon_code guidon_context_set_text(guidon_context* context, const char* name, const char* text);
GUIDON_EXPORT guidon_code guidon_context_set_int(guidon_context* context, const char* name, int64_t number);
GUIDON_EXPORT guidon_code guidon_context_set_double(guidon_context* context, const char* name, double number);
GUIDON_EXPORT guidon_code guidon_context_set_bool(guidon_context* context, const char* name, bool truth);
/* A list of texts, which operators look into; `count` of them. */
GUIDON_EXPORT guidon_code guidon_context_set_texts(guidon_context* context, const char* name, const char* const* texts,
                                                   size_t count);

/* ---- Clients -------------------------------------------------------------------------------------------------- */

/* A connection to one environment, and the flags that it keeps. Make one for a process, when it starts. */
typedef struct guidon_client guidon_client;

/* How much a line of the log matters. */
typedef enum guidon_log_level {
  GUIDON_LOG_DEBUG = 0,
  GUIDON_LOG_INFO = 1,
  GUIDON_LOG_WARNING = 2,
  GUIDON_LOG_ERROR = 3
} guidon_log_level;

/* What is NULL or 0 is as in guidon/client_config.h. Made with GUIDON_CONFIG_INIT; texts are copied by the call. */
typedef struct guidon_config {
  size_t size;                           /* sizeof(guidon_config) */
  const char* server;                    /* http(s)://host[:port][/prefix] */
  const char* key;                       /* gdn_srv_… */
  const char* bootstrap_file;            /* as `guidon export` writes it */
  const char* bootstrap;                 /* a ruleset document */
  const char* cache_file;                /* where the last ruleset is kept for the next start */
  const char* ca_file;                   /* PEM with the authorities to trust instead of the system's */
  const char* application;               /* shown to operators, at most 256 bytes; and so the next */
  const char* application_version;       /* "2.4.1" */
  int64_t connect_timeout_ms;            /* 0: 5 000 */
  int64_t silence_timeout_ms;            /* without a byte for so long a stream is dead; 0: 45 000 */
  const char* client_certificate_file;   /* PEM, for servers that ask for one */
  const char* client_key_file;           /* PEM, not encrypted; both or none */
  const char* const* private_attributes; /* names that never leave this process */
  size_t private_attribute_count;        /* how many those are */
  int64_t serve_defaults_after_ms;       /* 0: what is held is served however old it is */
  bool without_events;                   /* no exposures, counts or tracked events leave this process */
  bool flag_overrides;                   /* GUIDON_FLAG_NEW_CHECKOUT=true in the environment overrides new-checkout */
  const char* flag_file;                 /* watched; flags are what it says, and no server is asked */
  int64_t flag_file_interval_ms;         /* it is looked at this often where the system is silent; 0: 2 000 */
  /* Called on threads of the SDK, maybe on several at once, and never on one because it evaluates. */
  void (*log)(void* user, guidon_log_level level, const char* message);
  void* log_user;              /* given to `log` */
  bool all_attributes_private; /* of contexts, only the key leaves this process */
  char reserved[7];            /* 0; for what later versions add */
} guidon_config;
/* Everything as it is when nothing is said. */
#define GUIDON_CONFIG_INIT                                                                                             \
  {                                                                                                                    \
    sizeof(guidon_config), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, 0, 0, false, false, \
        NULL, 0, NULL, NULL, false, {                                                                                  \
      0                                                                                                                \
    }                                                                                                                  \
  }

/* Reads the files that are configured, then connects in the background. What is wrong with the configuration, the files
 * or the network is no error here: the status says it, and reads give their fallbacks. */
GUIDON_EXPORT guidon_client* guidon_client_new(const guidon_config* config, guidon_error* error);
/* Closes with a deadline of a second. */
GUIDON_EXPORT void guidon_client_free(guidon_client* client);
/* Flushes, then stops the background work; reads go on with what is held. GUIDON_TIMED_OUT: a thread is left to end by
 * itself. */
GUIDON_EXPORT guidon_code guidon_client_close(guidon_client* client, int64_t deadline_ms);

/* GUIDON_OK as soon as a ruleset from anywhere is served; GUIDON_NOT_READY with the cause. A negative time waits for as
 * long as it takes. */
GUIDON_EXPORT guidon_code guidon_client_wait_ready(const guidon_client* client, int64_t timeout_ms,
                                                   guidon_error* error);

/* How the client and its server get along; see guidon/status.h. */
typedef enum guidon_state {
  GUIDON_STATE_INITIALISING = 0,
  GUIDON_STATE_LIVE = 1,
  GUIDON_STATE_POLLING = 2,
  GUIDON_STATE_STALE = 3,
  GUIDON_STATE_UNAUTHORISED = 4,
  GUIDON_STATE_OFFLINE = 5,
  GUIDON_STATE_CLOSED = 6
} guidon_state;

/* A client as it was at one moment. Made with GUIDON_STATUS_INIT, and filled by guidon_client_status. */
typedef struct guidon_status {
  size_t size;                          /* sizeof(guidon_status) */
  guidon_state state;                   /* how it and its server get along */
  uint64_t revision;                    /* of what is held; 0: nothing */
  uint64_t flags;                       /* how many there are */
  uint64_t broken;                      /* flags that this version cannot evaluate */
  int64_t age_ms;                       /* since the server confirmed what is held; 0: nobody knows */
  char source[16];                      /* "none", "bootstrap", "cache", "server", "file" */
  char epoch[33];                       /* of the server's store; revisions grow within one */
  char last_error[GUIDON_MESSAGE_SIZE]; /* of the last attempt that failed; empty while live */
  int64_t stale_since_ms;     /* neither live nor polling: since then, after 1970; 0: it is, or nobody knows */
  uint64_t queued_events;     /* exposures and tracked events that are not durable yet */
  uint64_t dropped_exposures; /* no room, or left at close; all of these since the client was made */
  uint64_t dropped_track;     /* calls of guidon_track without room, left at close, or after it */
  uint64_t invalid_track;     /* calls of guidon_track that were no event */
  uint64_t dropped_batches;   /* refused as a whole, without a clear answer for a day, or left at close */
  uint64_t rejected_events;   /* that the server left out of a batch */
  uint64_t lost_evaluations;  /* reads whose counts were in no batch when the client was closed */
  bool serves_defaults;       /* what is held is older than serve_defaults_after_ms allows */
} guidon_status;
/* Nothing is known. */
#define GUIDON_STATUS_INIT \
  { sizeof(guidon_status), GUIDON_STATE_INITIALISING, 0, 0, 0, 0, "", "", "", 0, 0, 0, 0, 0, 0, 0, 0, false }

/* Takes locks for a moment, and copies text: for health checks and logs. */
GUIDON_EXPORT guidon_code guidon_client_status(const guidon_client* client, guidon_status* status);

/* ---- Events --------------------------------------------------------------------------------------------------- */

/* An attribute of an event: text where that is not NULL, else truth where that is not NULL, else the number. */
typedef struct guidon_attribute {
  const char* name;  /* not NULL */
  const char* text;  /* NULL: it is another */
  double number;     /* finite */
  const bool* truth; /* NULL: it is another */
} guidon_attribute;

/* Something happened to `context` that experiments are measured by. `value` may be NULL, and `attributes` where `count`
 * is 0. Never waits for the network; what cannot be sent is dropped and counted. */
GUIDON_EXPORT guidon_code guidon_track(const guidon_client* client, const char* event, const guidon_context* context,
                                       const double* value, const guidon_attribute* attributes, size_t count);
/* GUIDON_OK when all that was tracked, exposed and counted before the call is durable on the server, or nothing is to
 * be sent; GUIDON_TIMED_OUT when it is not within the time, or will not be. */
GUIDON_EXPORT guidon_code guidon_flush(const guidon_client* client, int64_t deadline_ms);

/* ---- Changes -------------------------------------------------------------------------------------------------- */

/* A callback, until it is freed. */
typedef struct guidon_subscription guidon_subscription;
/* `changed` runs on a thread of the SDK after a ruleset was published. */
GUIDON_EXPORT guidon_subscription* guidon_client_on_change(guidon_client* client,
                                                           void (*changed)(void* user, uint64_t revision), void* user);
/* `told` runs on a thread of the SDK after the state, the source, `serves_defaults` or the epoch changed; what lasted
 * for less than it takes to tell is passed over. guidon_client_status says how it is now, also within the callback. Not
 * told of guidon_client_close. */
GUIDON_EXPORT guidon_subscription* guidon_client_on_status(guidon_client* client, void (*told)(void* user), void* user);
/* Afterwards the callback is neither running nor called again. */
GUIDON_EXPORT void guidon_subscription_free(guidon_subscription* subscription);

/* ---- Reads ---------------------------------------------------------------------------------------------------- */

/* What the flag serves to that context, or `fallback` when it cannot be evaluated, is of another type or serves
 * nothing. guidon_int is for numbers without a fraction. Tens of nanoseconds, and no allocation. */
GUIDON_EXPORT bool guidon_bool(const guidon_client* client, const char* flag, const guidon_context* context,
                               bool fallback);
GUIDON_EXPORT int64_t guidon_int(const guidon_client* client, const char* flag, const guidon_context* context,
                                 int64_t fallback);
GUIDON_EXPORT double guidon_double(const guidon_client* client, const char* flag, const guidon_context* context,
                                   double fallback);
/* Copies the text and its NUL into `buffer`, cut to fit (between characters); returns how many bytes it has without the
 * NUL, so a return of `capacity` or more says that it was cut. `buffer` may be NULL when `capacity` is 0. */
GUIDON_EXPORT size_t guidon_string(const guidon_client* client, const char* flag, const guidon_context* context,
                                   const char* fallback, char* buffer, size_t capacity);
/* The same for a json flag, as JSON text. Not for hot code: it writes the text anew. `fallback` is given as it is. */
GUIDON_EXPORT size_t guidon_json(const guidon_client* client, const char* flag, const guidon_context* context,
                                 const char* fallback, char* buffer, size_t capacity);
/* Which variation is served, by its name: an index into the `count` names, or `fallback`. */
GUIDON_EXPORT int guidon_variation(const guidon_client* client, const char* flag, const guidon_context* context,
                                   const char* const* names, int count, int fallback);

/* How an answer came about; see guidon/evaluation_detail.h. */
typedef enum guidon_reason {
  GUIDON_REASON_STATIC = 0,
  GUIDON_REASON_DEFAULT = 1,
  GUIDON_REASON_TARGETING_MATCH = 2,
  GUIDON_REASON_SPLIT = 3,
  GUIDON_REASON_DISABLED = 4,
  GUIDON_REASON_PREREQUISITE_FAILED = 5,
  GUIDON_REASON_ERROR = 6
} guidon_reason;

/* Why the fallback was given. */
typedef enum guidon_evaluation_error {
  GUIDON_EVALUATION_OK = 0,
  GUIDON_FLAG_NOT_FOUND = 1,
  GUIDON_TYPE_MISMATCH = 2,
  GUIDON_PARSE_ERROR = 3,
  GUIDON_TARGETING_KEY_MISSING = 4,
  GUIDON_PROVIDER_NOT_READY = 5
} guidon_evaluation_error;

/* Bytes of a name, its NUL among them. */
#define GUIDON_NAME_SIZE 129

/* Why a read answers what it does. Made with GUIDON_DETAIL_INIT, and filled by the read. */
typedef struct guidon_detail {
  size_t size;                       /* sizeof(guidon_detail) */
  guidon_reason reason;              /* how the answer came about */
  guidon_evaluation_error error;     /* anything but GUIDON_EVALUATION_OK: the fallback was given */
  uint64_t revision;                 /* of the ruleset that answered */
  bool forced;                       /* by the experiment's `qa: { force: … }` */
  char variation[GUIDON_NAME_SIZE];  /* empty: the fallback was given */
  char rule[GUIDON_NAME_SIZE];       /* id of the one that decided; empty: none, or one without */
  char experiment[GUIDON_NAME_SIZE]; /* that decided, or in whose audience a held-out unit is */
  char variant[GUIDON_NAME_SIZE];    /* of that experiment */
  char message[GUIDON_MESSAGE_SIZE]; /* with an error */
} guidon_detail;
/* Nothing was read. */
#define GUIDON_DETAIL_INIT \
  { sizeof(guidon_detail), GUIDON_REASON_ERROR, GUIDON_EVALUATION_OK, 0, false, "", "", "", "", "" }

/* `detail` may be NULL; one of a size that this library does not know is left as it is. */
GUIDON_EXPORT bool guidon_bool_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                                      bool fallback, guidon_detail* detail);
GUIDON_EXPORT int64_t guidon_int_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                                        int64_t fallback, guidon_detail* detail);
GUIDON_EXPORT double guidon_double_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                                          double fallback, guidon_detail* detail);
GUIDON_EXPORT size_t guidon_string_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                                          const char* fallback, char* buffer, size_t capacity, guidon_detail* detail);

/* ---- Readers: reads at one revision, and reads that leave nothing behind -------------------------------------------
 */

/* A pin, or a peek. It may outlive its client, and goes on with what was held then. */
typedef struct guidon_reader guidon_reader;

/* A pin: the ruleset that is current now, for many reads; whatever arrives meanwhile, all of them see the same. Cheap
 * to make; keeps its ruleset in memory, so hold it for a request, not for ever. NULL when there is no memory, or no
 * client. */
GUIDON_EXPORT guidon_reader* guidon_pin_new(const guidon_client* client);
/* A peek: reads that leave neither counts nor exposures behind, for dashboards, logs and support tools, which ask what
 * somebody would see; at whichever revision is current. NULL as above. */
GUIDON_EXPORT guidon_reader* guidon_peek_new(const guidon_client* client);
/* A peek at the revision of a pin; of a peek, another one of its own. */
GUIDON_EXPORT guidon_reader* guidon_reader_peek(const guidon_reader* reader);
/* When nobody reads through it any more. NULL is left alone. */
GUIDON_EXPORT void guidon_reader_free(guidon_reader* reader);
/* Of a pin's ruleset; 0: there was none when it was made, or it is no pin. */
GUIDON_EXPORT uint64_t guidon_reader_revision(const guidon_reader* reader);

/* As the read of a client of the same name. */
GUIDON_EXPORT bool guidon_reader_bool(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                      bool fallback);
GUIDON_EXPORT int64_t guidon_reader_int(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                        int64_t fallback);
GUIDON_EXPORT double guidon_reader_double(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                          double fallback);
GUIDON_EXPORT size_t guidon_reader_string(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                          const char* fallback, char* buffer, size_t capacity);
GUIDON_EXPORT size_t guidon_reader_json(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                        const char* fallback, char* buffer, size_t capacity);
GUIDON_EXPORT int guidon_reader_variation(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                          const char* const* names, int count, int fallback);
GUIDON_EXPORT bool guidon_reader_bool_detail(const guidon_reader* reader, const char* flag,
                                             const guidon_context* context, bool fallback, guidon_detail* detail);
GUIDON_EXPORT int64_t guidon_reader_int_detail(const guidon_reader* reader, const char* flag,
                                               const guidon_context* context, int64_t fallback, guidon_detail* detail);
GUIDON_EXPORT double guidon_reader_double_detail(const guidon_reader* reader, const char* flag,
                                                 const guidon_context* context, double fallback, guidon_detail* detail);
GUIDON_EXPORT size_t guidon_reader_string_detail(const guidon_reader* reader, const char* flag,
                                                 const guidon_context* context, const char* fallback, char* buffer,
                                                 size_t capacity, guidon_detail* detail);

/* ---- Handles: a flag whose key is looked up once, also when the flag arrives later ----------------------------------
 */

/* A handle may outlive its client, and goes on with what was held then. */
typedef struct guidon_bool_flag guidon_bool_flag;
typedef struct guidon_int_flag guidon_int_flag;
typedef struct guidon_double_flag guidon_double_flag;
typedef struct guidon_string_flag guidon_string_flag;

/* NULL when there is no memory, or no client. `_free` when nobody reads it any more; `_read` as guidon_bool. */
GUIDON_EXPORT guidon_bool_flag* guidon_bool_flag_new(const guidon_client* client, const char* flag, bool fallback);
GUIDON_EXPORT void guidon_bool_flag_free(guidon_bool_flag* flag);
GUIDON_EXPORT bool guidon_bool_flag_read(const guidon_bool_flag* flag, const guidon_context* context);

/* As for guidon_bool_flag. */
GUIDON_EXPORT guidon_int_flag* guidon_int_flag_new(const guidon_client* client, const char* flag, int64_t fallback);
GUIDON_EXPORT void guidon_int_flag_free(guidon_int_flag* flag);
GUIDON_EXPORT int64_t guidon_int_flag_read(const guidon_int_flag* flag, const guidon_context* context);

/* As for guidon_bool_flag. */
GUIDON_EXPORT guidon_double_flag* guidon_double_flag_new(const guidon_client* client, const char* flag,
                                                         double fallback);
GUIDON_EXPORT void guidon_double_flag_free(guidon_double_flag* flag);
GUIDON_EXPORT double guidon_double_flag_read(const guidon_double_flag* flag, const guidon_context* context);

/* As for guidon_bool_flag; `_read` writes as guidon_string. */
GUIDON_EXPORT guidon_string_flag* guidon_string_flag_new(const guidon_client* client, const char* flag,
                                                         const char* fallback);
GUIDON_EXPORT void guidon_string_flag_free(guidon_string_flag* flag);
GUIDON_EXPORT size_t guidon_string_flag_read(const guidon_string_flag* flag, const guidon_context* context,
                                             char* buffer, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* GUIDON_H */
