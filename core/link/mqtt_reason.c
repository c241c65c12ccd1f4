#include "core/link/mqtt_reason.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

struct words {
	char *text;
	size_t size;
	const struct mqtt_failure *failure;
	const struct config *config;
};

#define SAY(words, ...) ((void)snprintf((words)->text, (words)->size, __VA_ARGS__))

static const char *password_source(const struct config *config)
{
	return config->broker.password_file[0] ? config->broker.password_file : "broker.password";
}

static bool on_lookup(const struct words *words)
{
	const char *host = words->failure->host;

	if (words->failure->lookup == UV_EAI_NONAME || words->failure->lookup == UV_EAI_NODATA)
		SAY(words, "unknown host \"%s\": check broker.url, or the name server", host);
	else if (words->failure->lookup == UV_EAI_AGAIN)
		SAY(words,
		    "the name \"%s\" cannot be looked up: no name server answers (is the network up? see "
		    "/etc/resolv.conf)",
		    host);
	else
		SAY(words, "the name \"%s\" cannot be looked up: %s", host,
		    uv_strerror(words->failure->lookup));
	return false;
}

static bool on_connack(const struct words *words)
{
	const struct config *config = words->config;

	switch (words->failure->connack) {
	case 1:
		SAY(words, "the broker refuses the protocol version: it must speak MQTT 3.1.1");
		return true;
	case 2:
		SAY(words, "the broker rejects the client id \"%s\": set broker.client_id to one it allows",
		    config->broker.client_id);
		return true;
	case 3:
		SAY(words, "the broker says that it is not available now");
		return false;
	case 4:
	case 5:
		SAY(words,
		    "wrong user name or password for \"%s\" (CONNACK %d): check broker.username and %s, "
		    "and that the broker knows this device",
		    config->broker.username, words->failure->connack, password_source(config));
		return true;
	default:
		SAY(words, "the broker refuses with the unknown CONNACK code %d", words->failure->connack);
		return true;
	}
}

/* A wrong clock heals by itself: seldom tries are for when it is right. */
static bool on_verify_error(const struct words *words)
{
	const struct tls_evidence *evidence = &words->failure->evidence;
	const char *ca = words->config->broker.tls.ca;

	switch (evidence->verify_error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		SAY(words,
		    "the certificate \"%s\" expired on %s UTC, and this device's clock says %s: the broker "
		    "needs a new one, unless the clock is wrong",
		    evidence->subject, evidence->valid_to, words->failure->now);
		return words->failure->clock_set;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		SAY(words,
		    "the certificate \"%s\" is not valid before %s UTC, and this device's clock says %s: "
		    "set the clock",
		    evidence->subject, evidence->valid_from, words->failure->now);
		return words->failure->clock_set;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		SAY(words,
		    "the broker's certificate is for %s, not for \"%s\": write one of its names in "
		    "broker.url, or give the broker a certificate with this one",
		    evidence->names[0] ? evidence->names : evidence->subject, words->failure->host);
		return true;
	default:
		SAY(words,
		    "the broker's certificate is not trusted: %s (\"%s\", signed by \"%s\"): broker.tls.ca "
		    "(%s) must hold the CA that signed it",
		    tls_verify_text(evidence->verify_error), evidence->subject, evidence->issuer,
		    ca[0] ? ca : "the system's");
		return true;
	}
}

static bool is_about_our_certificate(int alert)
{
	return alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_CERTIFICATE_REQUIRED ||
	       (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
	       alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
	       alert == SSL_AD_DECRYPT_ERROR;
}

static bool on_no_certificate(const struct words *words)
{
	SAY(words,
	    "the broker wants a certificate of this device: set broker.tls.cert and broker.tls.key");
	return true;
}

/* Under TLS 1.3 the alert comes after the handshake, and is lost if our CONNECT crosses it. */
static bool on_hang_up_after_asking(const struct words *words)
{
	if (!words->config->broker.tls.cert[0])
		return on_no_certificate(words);
	SAY(words,
	    "the broker probably does not accept this device's certificate %s (it hung up after asking "
	    "for it): it must be signed by the CA that the broker trusts, and not be expired",
	    words->config->broker.tls.cert);
	return true;
}

static bool on_alert(const struct words *words)
{
	int alert = words->failure->evidence.alert;
	const char *cert = words->config->broker.tls.cert;

	if (!is_about_our_certificate(alert)) {
		SAY(words, "the broker ended the TLS handshake: %s (alert %d)", tls_alert_text(alert),
		    alert);
		return false;
	}
	if (!cert[0])
		return on_no_certificate(words);
	SAY(words,
	    "the broker does not accept this device's certificate %s: %s: it must be signed by the CA "
	    "that the broker trusts, and not be expired",
	    cert, tls_alert_text(alert));
	return true;
}

static bool on_knock(const struct words *words)
{
	const struct mqtt_failure *failure = words->failure;

	switch (failure->knock) {
	case UV_ECONNREFUSED:
		SAY(words,
		    "connection refused: nothing listens on port %d of \"%s\" (check broker.url, and that "
		    "the broker runs)",
		    failure->port, failure->host);
		break;
	case UV_ENETUNREACH:
	case UV_EHOSTUNREACH:
		SAY(words, "\"%s\" cannot be reached: %s (is the network up?)", failure->host,
		    uv_strerror(failure->knock));
		break;
	case UV_ETIMEDOUT:
		SAY(words,
		    "timeout: no answer from port %d of \"%s\" (is the broker up? does a firewall drop "
		    "it?)",
		    failure->port, failure->host);
		break;
	default:
		SAY(words, "no connection to port %d of \"%s\": %s", failure->port, failure->host,
		    uv_strerror(failure->knock));
	}
	return false;
}

/* TCP connects, and nothing of all that is known explains the failure. */
static bool on_silence(const struct words *words)
{
	const struct mqtt_failure *failure = words->failure;
	bool slow = failure->waited_ms > words->config->broker.puback_timeout_ms;
	const char *end = slow ? "no answer to CONNECT in time" : "closed without an answer to CONNECT";

	if (failure->tls && !failure->evidence.seen)
		SAY(words, "the TLS handshake failed%s%s (is port %d of \"%s\" one for TLS?)",
		    failure->evidence.words[0] ? ": " : "", failure->evidence.words, failure->port,
		    failure->host);
	else if (failure->tls && failure->evidence.asked && !slow)
		return on_hang_up_after_asking(words);
	else if (failure->tls)
		SAY(words, "%s (is port %d of \"%s\" one for MQTT?)", end, failure->port, failure->host);
	else
		SAY(words, "%s (is port %d of \"%s\" one for MQTT without TLS?)", end, failure->port,
		    failure->host);
	return false;
}

bool mqtt_reason_of_failure(
    const struct mqtt_failure *failure, const struct config *config, char *text, size_t size)
{
	struct words words = {.text = text, .size = size, .failure = failure, .config = config};

	text[0] = '\0';
	if (failure->local) {
		SAY(&words, "%s", failure->local);
		return false;
	}
	if (failure->lookup != 0)
		return on_lookup(&words);
	if (failure->connack > 0)
		return on_connack(&words);
	if (failure->tls && failure->evidence.verify_error != X509_V_OK)
		return on_verify_error(&words);
	if (failure->tls && failure->evidence.alert >= 0)
		return on_alert(&words);
	if (failure->knocked && failure->knock != 0)
		return on_knock(&words);
	return on_silence(&words);
}

void mqtt_reason_of_suback(const struct config *config, char *text, size_t size)
{
	snprintf(text, size,
	    "the broker refuses the subscription to \"%s\": give user \"%s\" the right to read it (the "
	    "broker's access list), or check topics.tasks",
	    config->topics.tasks, config->broker.username);
}

void mqtt_reason_of_short_lives(
    const struct config *config, unsigned times, bool in_flight, char *text, size_t size)
{
	snprintf(text, size,
	    "the broker closed the connection soon after it was made, %u times in a row: does another "
	    "device use the client id \"%s\"? Each takes the connection from the other (set "
	    "broker.client_id)%s",
	    times, config->broker.client_id,
	    in_flight ? "; or the broker refuses a message that is on its way" : "");
}
