/**
 * Certificados para experimentar o TLS: uma autoridade de mentira, e um certificado
 * assinado por ela que vale para os endereços pedidos.
 *
 * ```sh
 * deno task certificados --pasta=certificados --ips=127.0.0.1,192.168.0.10
 * deno task -q server --tls-cert=certificados/cert.pem --tls-chave=certificados/chave.pem \
 *   --tls-ca=certificados/ca.pem
 * deno task -q client --tls-ca=certificados/ca.pem
 * ```
 *
 * Para um grupo de verdade use a autoridade da sua organização. A chave da autoridade
 * não é guardada: para mais um endereço, façam-se todos de novo.
 *
 * @module
 */

import "npm:reflect-metadata@0.2.2";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "npm:@peculiar/x509@2.2.0";
import { lerIp } from "../lib/endereco.ts";
import { lerArgumentos, lerOpcao } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";

/** Por quantos dias valem. */
const DIAS = 365;
const ALGORITMO = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Os três arquivos, em PEM. */
export interface Certificados {
  /** O certificado da autoridade: o que vai em `--tls-ca`. */
  readonly ca: string;
  /** O certificado dos servidores: `--tls-cert`. */
  readonly cert: string;
  /** A chave dele: `--tls-chave`. */
  readonly chave: string;
}

/** Faz uma autoridade e um certificado que vale para estes IPs. */
export async function fazerCertificados(ips: readonly string[]): Promise<Certificados> {
  const novas = () => crypto.subtle.generateKey(ALGORITMO, true, ["sign", "verify"]);
  const [daAutoridade, doServidor] = [await novas(), await novas()];
  const validade = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + DIAS * 86_400_000),
    signingAlgorithm: ALGORITMO,
  };
  const ca = await X509CertificateGenerator.createSelfSigned({
    ...validade,
    serialNumber: "01",
    name: "CN=Autoridade de teste",
    keys: daAutoridade,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const cert = await X509CertificateGenerator.create({
    ...validade,
    serialNumber: "02",
    subject: "CN=Servidor de teste",
    issuer: ca.subject,
    publicKey: doServidor.publicKey,
    signingKey: daAutoridade.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new SubjectAlternativeNameExtension(ips.map((value) => ({ type: "ip" as const, value }))),
    ],
  });
  const chave = await crypto.subtle.exportKey("pkcs8", doServidor.privateKey);
  return {
    ca: ca.toString("pem") + "\n",
    cert: cert.toString("pem") + "\n",
    chave: PemConverter.encode(chave, "PRIVATE KEY") + "\n",
  };
}

if (import.meta.main) {
  const escrever = (texto: string, onde: { writeSync(bytes: Uint8Array): number } = Deno.stdout) =>
    onde.writeSync(new TextEncoder().encode(texto + "\n"));
  const lerOpcoes = () => {
    try {
      const lidos = lerArgumentos(Deno.args, { textos: ["pasta", "ips"], sinais: [] });
      if (lidos.livres.length > 0) throw new TypeError(`Argumento inesperado: ${lidos.livres[0]}`);
      const ips = lerOpcao(lidos, "ips", (lista) => lista.split(",").map(lerIp));
      const { pasta = "certificados", ajuda, versao } = lidos.opcoes;
      return { pasta, ips: ips ?? ["127.0.0.1"], ajuda: ajuda || versao };
    } catch (erro) {
      escrever(`ERRO: ${(erro as Error).message}`, Deno.stderr);
      Deno.exit(2);
    }
  };
  const { pasta, ips, ajuda } = lerOpcoes();
  if (ajuda) {
    escrever("Uso: certificados [--pasta=PASTA (certificados)] [--ips=IP,IP (127.0.0.1)]");
    Deno.exit(0);
  }
  try {
    await Deno.mkdir(pasta, { recursive: true });
  } catch (erro) {
    escrever(`ERRO: não é possível usar ${pasta}: ${textoDoErro(erro)}`, Deno.stderr);
    Deno.exit(1);
  }
  // Uma autoridade nova deixaria sem valor o que a antiga assinou: nada se escreve por cima.
  if ([...Deno.readDirSync(pasta)].some(({ name }) => /^(ca|cert|chave)\.pem$/.test(name))) {
    escrever(`ERRO: ${pasta} já tem certificados; apague-os, ou use outra --pasta`, Deno.stderr);
    Deno.exit(1);
  }
  const { ca, cert, chave } = await fazerCertificados(ips);
  await Deno.writeTextFile(`${pasta}/ca.pem`, ca);
  await Deno.writeTextFile(`${pasta}/cert.pem`, cert);
  await Deno.writeTextFile(`${pasta}/chave.pem`, chave, { mode: 0o600 });
  escrever(`${pasta}: ca.pem, cert.pem e chave.pem, para ${ips.join(", ")}`);
}
