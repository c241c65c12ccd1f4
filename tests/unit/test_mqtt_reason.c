/* The words for each way in which a connection fails, and whether it counts as refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/link/mqtt_reason.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static struct config config;

static struct mqtt_failure failure(void)
{
	config = (struct config){.topics.tasks = "GW-1/tasks/json"};
	config.broker.username = "GW-1";
	config.broker.client_id = "gateway-1";
	config.broker.password = "";
	config.broker.password_file = "/etc/neap/password";
	config.broker.tls.ca = "/etc/ssl/ca.crt";
	config.broker.tls.cert = config.broker.tls.key = "";
	config.broker.puback_timeout_ms = 30000;
	return (struct mqtt_failure){.host = "broker.example",
	    .port = 8883,
	    .evidence = {.alert = -1},
	    .clock_set = true,
	    .now = "2026-11-22 14:21"};
}

/* The words hold `part`, and nothing was cut off. */
static void expect(const struct mqtt_failure *failure, bool refused, const char *part)
{
	char text[400];

	if (mqtt_reason_of_failure(failure, &config, text, sizeof text) != refused ||
	    !strstr(text, part))
		fail_msg("%s, \"%s\" expected, not: %s", refused ? "refused" : "not refused", part, text);
	assert_true(strlen(text) < sizeof text - 1);
}

static void our_own_fault_comes_first(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.local = "broker.password_file: it is gone";
	it.connack = 5;
	expect(&it, false, "broker.password_file: it is gone");
}

static void names_that_are_not_found(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.lookup = UV_EAI_NONAME;
	expect(&it, false, "unknown host \"broker.example\": check broker.url");
	it.lookup = UV_EAI_AGAIN;
	expect(&it, false, "no name server answers");
	it.lookup = UV_EAI_FAIL;
	expect(&it, false, "\"broker.example\" cannot be looked up: ");
}

static void each_connack(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.connack = 1;
	expect(&it, true, "must speak MQTT 3.1.1");
	it.connack = 2;
	expect(&it, true, "rejects the client id \"gateway-1\": set broker.client_id");
	it.connack = 3;
	expect(&it, false, "not available now");
	it.connack = 4;
	expect(&it, true,
	    "wrong user name or password for \"GW-1\" (CONNACK 4): check broker.username "
	    "and /etc/neap/password");
	it.connack = 5;
	config.broker.password_file = "";
	expect(&it, true, "(CONNACK 5): check broker.username and broker.password,");
	it.connack = 77;
	expect(&it, true, "unknown CONNACK code 77");
}

static void certificates_that_are_not_believed(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();
	struct tls_evidence *evidence = &it.evidence;

	it.tls = evidence->seen = true;
	snprintf(evidence->subject, sizeof evidence->subject, "CN of the server");
	snprintf(evidence->issuer, sizeof evidence->issuer, "some CA");
	snprintf(evidence->names, sizeof evidence->names, "a.example, 10.0.0.1");
	snprintf(evidence->valid_from, sizeof evidence->valid_from, "2026-12-24 00:00");
	snprintf(evidence->valid_to, sizeof evidence->valid_to, "2026-01-06 00:00");
	evidence->verify_error = X509_V_ERR_HOSTNAME_MISMATCH;
	expect(&it, true, "is for a.example, 10.0.0.1, not for \"broker.example\"");
	evidence->names[0] = '\0';
	expect(&it, true, "is for CN of the server, not for");
	evidence->verify_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
	expect(&it, true, "signed by \"some CA\"): broker.tls.ca (/etc/ssl/ca.crt) must hold the CA");
	config.broker.tls.ca = "";
	expect(&it, true, "broker.tls.ca (the system's) must hold the CA");
	evidence->verify_error = X509_V_ERR_CERT_HAS_EXPIRED;
	expect(&it, true,
	    "expired on 2026-01-06 00:00 UTC, and this device's clock says 2026-11-22 14:21");
	evidence->verify_error = X509_V_ERR_CERT_NOT_YET_VALID;
	expect(&it, true,
	    "not valid before 2026-12-24 00:00 UTC, and this device's clock says 2026-11-22");
}

static void a_clock_that_is_not_set_is_no_refusal(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.tls = it.evidence.seen = true;
	it.clock_set = false;
	it.evidence.verify_error = X509_V_ERR_CERT_NOT_YET_VALID;
	expect(&it, false, "set the clock");
	it.evidence.verify_error = X509_V_ERR_CERT_HAS_EXPIRED;
	expect(&it, false, "unless the clock is wrong");
}

static void certificates_of_ours(void **state)
{
	(void)state;
	static const int alerts[] = {SSL_AD_HANDSHAKE_FAILURE, SSL_AD_BAD_CERTIFICATE,
	    SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_UNKNOWN_CA, SSL_AD_CERTIFICATE_REQUIRED};
	struct mqtt_failure it = failure();

	it.tls = it.evidence.seen = true;
	for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
		it.evidence.alert = alerts[i];
		config.broker.tls.cert = "";
		expect(&it, true, "wants a certificate of this device: set broker.tls.cert");
		config.broker.tls.cert = "/etc/neap/device.crt";
		expect(&it, true, "does not accept this device's certificate /etc/neap/device.crt: ");
	}
	it.evidence.alert = SSL_AD_PROTOCOL_VERSION;
	expect(&it, false, "ended the TLS handshake: protocol version (alert 70)");
	it.evidence.alert = -1;
	it.evidence.asked = true;
	expect(&it, true, "probably does not accept this device's certificate /etc/neap/device.crt");
	config.broker.tls.cert = "";
	expect(&it, true, "wants a certificate of this device");
}

static void tcp_that_does_not_connect(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.knocked = true;
	it.knock = UV_ECONNREFUSED;
	expect(&it, false, "connection refused: nothing listens on port 8883 of \"broker.example\"");
	it.knock = UV_ENETUNREACH;
	expect(&it, false, "cannot be reached: network is unreachable (is the network up?)");
	it.knock = UV_EHOSTUNREACH;
	expect(&it, false, "cannot be reached: host is unreachable");
	it.knock = UV_ETIMEDOUT;
	expect(&it, false, "timeout: no answer from port 8883");
	it.knock = UV_EACCES;
	expect(&it, false, "no connection to port 8883 of \"broker.example\": permission denied");
}

static void tcp_connects_but_nothing_comes(void **state)
{
	(void)state;
	struct mqtt_failure it = failure();

	it.knocked = true;
	expect(&it, false,
	    "closed without an answer to CONNECT (is port 8883 of \"broker.example\" one "
	    "for MQTT without TLS?)");
	it.waited_ms = 30001;
	expect(&it, false, "no answer to CONNECT in time");
	it.tls = true;
	snprintf(it.evidence.words, sizeof it.evidence.words, "wrong version number");
	expect(&it, false, "the TLS handshake failed: wrong version number (is port 8883");
	it.evidence.seen = true;
	expect(&it, false, "no answer to CONNECT in time (is port 8883");
}

static void other_reasons(void **state)
{
	(void)state;
	char text[400];

	failure();
	mqtt_reason_of_suback(&config, text, sizeof text);
	assert_non_null(strstr(text, "\"GW-1/tasks/json\": give user \"GW-1\" the right"));
	mqtt_reason_of_short_lives(&config, 4, false, text, sizeof text);
	assert_non_null(strstr(text, "4 times in a row: does another device use the client id "
	                             "\"gateway-1\"?"));
	assert_null(strstr(text, "refuses a message"));
	mqtt_reason_of_short_lives(&config, 4, true, text, sizeof text);
	assert_non_null(strstr(text, "refuses a message that is on its way"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(our_own_fault_comes_first),
	    cmocka_unit_test(names_that_are_not_found),
	    cmocka_unit_test(each_connack),
	    cmocka_unit_test(certificates_that_are_not_believed),
	    cmocka_unit_test(a_clock_that_is_not_set_is_no_refusal),
	    cmocka_unit_test(certificates_of_ours),
	    cmocka_unit_test(tcp_that_does_not_connect),
	    cmocka_unit_test(tcp_connects_but_nothing_comes),
	    cmocka_unit_test(other_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
