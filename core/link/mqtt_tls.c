#include "core/link/mqtt_tls.h"

#include "core/base/mem.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

struct tls_watch {
	int index; /* of our hook in OpenSSL's table */
	uv_mutex_t mutex;
	char host[256];
	struct tls_evidence evidence;
};

/* --- reading a certificate --- */

static void read_time(const ASN1_TIME *time, char *out, size_t size)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(time, &tm) || strftime(out, size, "%Y-%m-%d %H:%M", &tm) == 0)
		out[0] = '\0';
}

static void read_name(X509_NAME *name, char *out, size_t size)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, out, (int)size) <= 0)
		X509_NAME_oneline(name, out, (int)size);
}

static void add_name(char *out, size_t size, const char *name)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

static void add_address(char *out, size_t size, const ASN1_OCTET_STRING *address)
{
	char text[INET6_ADDRSTRLEN];
	int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;

	if (ASN1_STRING_length(address) != 4 && ASN1_STRING_length(address) != 16)
		return;
	if (inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text))
		add_name(out, size, text);
}

/* The host names and addresses in the certificate's subject alternative name. */
static void read_hosts(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			add_name(out, size, (const char *)ASN1_STRING_get0_data(name->d.dNSName));
		else if (name->type == GEN_IPADD)
			add_address(out, size, name->d.iPAddress);
	}
	GENERAL_NAMES_free(names);
}

static bool name_fits(X509 *cert, const char *host)
{
	return X509_check_host(cert, host, strlen(host), 0, NULL) == 1 ||
	       X509_check_ip_asc(cert, host, 0) == 1;
}

/* --- OpenSSL's callbacks, on paho's threads --- */

/* Sees each record of the TLS protocol itself: an alert has two bytes, its level and what it is. */
static void on_record(
    int sent, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct tls_watch *watch = arg;

	(void)version;
	(void)ssl;
	if (sent || type != SSL3_RT_ALERT || len < 2)
		return;
	int alert = ((const unsigned char *)data)[1];
	if (alert == SSL_AD_CLOSE_NOTIFY)
		return;
	uv_mutex_lock(&watch->mutex);
	watch->evidence.alert = alert;
	uv_mutex_unlock(&watch->mutex);
}

/* The broker asks for a certificate of ours; paho has set it already, or none. */
static int on_asked(SSL *ssl, void *arg)
{
	struct tls_watch *watch = arg;

	(void)ssl;
	uv_mutex_lock(&watch->mutex);
	watch->evidence.asked = true;
	uv_mutex_unlock(&watch->mutex);
	return 1;
}

static int on_verify(X509_STORE_CTX *context, void *arg)
{
	struct tls_watch *watch = arg;
	struct tls_evidence evidence = {.seen = true, .alert = -1};
	X509 *leaf = X509_STORE_CTX_get0_cert(context), *cert = NULL;
	SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
	char host[sizeof watch->host];

	uv_mutex_lock(&watch->mutex);
	memcpy(host, watch->host, sizeof host);
	uv_mutex_unlock(&watch->mutex);

	int good = X509_verify_cert(context);
	if (good == 1 && leaf && !name_fits(leaf, host)) {
		good = 0;
		X509_STORE_CTX_set_error(context, X509_V_ERR_HOSTNAME_MISMATCH);
	} else if (good != 1) {
		cert = X509_STORE_CTX_get_current_cert(context);
	}
	cert = cert ? cert : leaf;
	evidence.verify_error = good == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	if (good != 1 && evidence.verify_error == X509_V_OK)
		evidence.verify_error = X509_V_ERR_UNSPECIFIED;
	if (cert) {
		read_name(X509_get_subject_name(cert), evidence.subject, sizeof evidence.subject);
		read_name(X509_get_issuer_name(cert), evidence.issuer, sizeof evidence.issuer);
		read_time(X509_get0_notBefore(cert), evidence.valid_from, sizeof evidence.valid_from);
		read_time(X509_get0_notAfter(cert), evidence.valid_to, sizeof evidence.valid_to);
	}
	if (leaf)
		read_hosts(leaf, evidence.names, sizeof evidence.names);

	uv_mutex_lock(&watch->mutex);
	watch->evidence = evidence;
	uv_mutex_unlock(&watch->mutex);
	if (ssl) {
		SSL_set_cert_cb(ssl, on_asked, watch);
		SSL_set_msg_callback(ssl, on_record);
		SSL_set_msg_callback_arg(ssl, watch);
	}
	return good == 1;
}

/* paho makes its context where we cannot reach it. OpenSSL tells whoever has an index in the
 * contexts' table of each new one. */
static void on_new_context(
    void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *arg)
{
	(void)ptr;
	(void)data;
	(void)index;
	(void)argl;
	SSL_CTX_set_cert_verify_callback(parent, on_verify, arg);
}

/* "7F03:error:0A000086:SSL routines:function:certificate verify failed:file:line:data": the words
 * are the sixth field. */
int tls_watch_error(const char *text, size_t len, void *arg)
{
	struct tls_watch *watch = arg;
	char line[256], *words = line, *colon;

	snprintf(line, sizeof line, "%.*s", (int)len, text);
	for (int i = 0; i < 5 && (colon = strchr(words, ':')); i++)
		words = colon + 1;
	words[strcspn(words, ":\n")] = '\0';
	uv_mutex_lock(&watch->mutex);
	snprintf(watch->evidence.words, sizeof watch->evidence.words, "%.*s",
	    (int)sizeof watch->evidence.words - 1, words);
	uv_mutex_unlock(&watch->mutex);
	return 1;
}

/* --- the loop's side --- */

struct tls_watch *tls_watch_new(void)
{
	struct tls_watch *watch = mem_alloc(sizeof *watch);

	/* paho's threads are detached: one that is about to end gives back its share of OpenSSL while
	 * exit() would already take OpenSSL down */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (uv_mutex_init(&watch->mutex) != 0) {
		free(watch);
		return NULL;
	}
	watch->evidence.alert = -1;
	watch->index =
	    CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, watch, on_new_context, NULL, NULL);
	return watch;
}

void tls_watch_free(struct tls_watch *watch)
{
	if (!watch)
		return;
	CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL_CTX, watch->index);
	uv_mutex_destroy(&watch->mutex);
	free(watch);
}

void tls_watch_begin(struct tls_watch *watch, const char *host)
{
	uv_mutex_lock(&watch->mutex);
	memset(&watch->evidence, 0, sizeof watch->evidence);
	watch->evidence.alert = -1;
	snprintf(watch->host, sizeof watch->host, "%s", host);
	uv_mutex_unlock(&watch->mutex);
}

struct tls_evidence tls_watch_evidence(struct tls_watch *watch)
{
	uv_mutex_lock(&watch->mutex);
	struct tls_evidence evidence = watch->evidence;
	uv_mutex_unlock(&watch->mutex);
	return evidence;
}

const char *tls_verify_text(int verify_error)
{
	return X509_verify_cert_error_string(verify_error);
}

const char *tls_alert_text(int alert)
{
	return alert == SSL_AD_CERTIFICATE_REQUIRED ? "certificate required"
	                                            : SSL_alert_desc_string_long(alert);
}

/* --- our own files --- */

static int file_fault(struct err *err, const char *key, const char *path)
{
	unsigned long error = ERR_get_error();
	const char *words = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		return err_sys(err, ERR_GET_REASON(error), "%s: cannot read %s", key, path);
	return err_set(err, "%s: %s cannot be used: %s (a PEM file that fits the others is wanted)",
	    key, path, words ? words : "no reason given");
}

/* An encrypted key fails here, rather than asking for its password on a terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)writing;
	(void)arg;
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

static int load_files(SSL_CTX *context, const struct config *config, struct err *err)
{
	const char *ca = config->broker.tls.ca, *cert = config->broker.tls.cert;
	const char *key = config->broker.tls.key[0] ? config->broker.tls.key : cert;

	SSL_CTX_set_default_passwd_cb(context, no_password);
	if (ca[0] && SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		return file_fault(err, "broker.tls.ca", ca);
	if (cert[0] && SSL_CTX_use_certificate_chain_file(context, cert) != 1)
		return file_fault(err, "broker.tls.cert", cert);
	if (cert[0] && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return file_fault(err, "broker.tls.key", key);
	return 0;
}

int tls_check_files(const struct config *config, struct err *err)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int status = context ? load_files(context, config, err) : 0;
	SSL_CTX_free(context);
	ERR_clear_error();
	return status;
}
