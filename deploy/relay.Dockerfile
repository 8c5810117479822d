# A Postfix that takes mail from its own loopback only and delivers it, or hands it on.
FROM debian:stable-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postfix ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN postconf -e 'inet_interfaces = loopback-only' 'mydestination =' \
        'smtp_tls_security_level = may' 'maillog_file = /dev/stdout'
CMD ["postfix", "start-fg"]
