/*
 * What OpenSSL knows about a failed TLS handshake and paho does not tell.
 *
 * To its caller paho says "-1" for an untrusted, an expired and a misnamed certificate alike, and
 * for the client's certificate that the broker did not like (which under TLS 1.3 it says after the
 * handshake). So each TLS context that this process makes gets a verify callback of ours: it lets
 * OpenSSL decide, checks the name too, keeps the reason, and listens for the broker's alerts. It
 * never accepts what OpenSSL refuses.
 *
 * The callbacks run on paho's threads; everything else here belongs to the loop's. A mutex of the
 * watch's own guards what is collected; nothing is called while it is held.
 */
#ifndef NEAP_CORE_MQTT_TLS_H
#define NEAP_CORE_MQTT_TLS_H

#include "core/config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_evidence {
	bool seen;        /* the broker's certificate came */
	bool asked;       /* and the broker wants one of ours */
	int verify_error; /* X509_V_ERR_..., 0: it passed */
	char subject[80]; /* of the certificate at fault, or of the broker's */
	char issuer[80];
	char names[120];                   /* that the broker's certificate is good for */
	char valid_from[24], valid_to[24]; /* of the certificate at fault: "2026-11-22 14:21" UTC */
	int alert;                         /* that the broker sent (RFC 8446, 6), -1: none */
	char words[160];                   /* OpenSSL's own, of the last error; "" if none */
};

struct tls_watch;

struct tls_watch *tls_watch_new(void);
void tls_watch_free(struct tls_watch *watch); /* after the last TLS context of the process */

/* A new connection to `host` begins: forgets what was collected. */
void tls_watch_begin(struct tls_watch *watch, const char *host);
struct tls_evidence tls_watch_evidence(struct tls_watch *watch);

/* PAHO'S THREAD: takes a line of OpenSSL's error queue (ERR_print_errors_cb); arg: the watch. */
int tls_watch_error(const char *text, size_t len, void *arg);

const char *tls_verify_text(int verify_error); /* OpenSSL's, such as "certificate has expired" */
const char *tls_alert_text(int alert);         /* such as "certificate required" */

/*
 * Loads the files of broker.tls as paho does: 0, or -1 and which one is wrong in what way. Takes
 * some milliseconds: for when a connection has failed before the handshake.
 */
int tls_check_files(const struct config *config, struct err *err);

#endif
