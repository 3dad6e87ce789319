"""An authority of the soak's own, and a sound and an expired certificate of it for localhost, by openssl(1)."""
import os
import subprocess

CONFIGURATION = """
[ca]
default_ca = soak
[soak]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = names
copy_extensions = none
x509_extensions = leaf
[names]
commonName = supplied
[leaf]
subjectAltName = DNS:localhost
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
"""


def make(folder):
    """Writes ca.pem, and NAME.pem (certificate and key) for `sound` and `expired`, into a folder of its own."""
    os.mkdir(folder)
    for name, text in (("openssl.cnf", CONFIGURATION), ("index.txt", ""), ("serial", "01\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=soak authority",
            "-config", "openssl.cnf", "-extensions", "authority")
    for name, begin, end in (("sound", "20200101000000Z", "20991231000000Z"),
                             ("expired", "20200101000000Z", "20200201000000Z")):
        openssl("req", *key, name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name, "-config", "openssl.cnf")
        openssl("ca", "-batch", "-config", "openssl.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", name + ".csr",
                "-out", name + ".crt", "-notext", "-startdate", begin, "-enddate", end)
        with open(os.path.join(folder, name + ".pem"), "w", encoding="ascii") as both:
            for part in (name + ".crt", name + ".key"):
                with open(os.path.join(folder, part), encoding="ascii") as file:
                    both.write(file.read())
