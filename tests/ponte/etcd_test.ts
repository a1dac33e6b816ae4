/**
 * A ponte com um etcd que só se deixa falar por TLS, e a quem prova quem é.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { fazerCertificados } from "../../exemplos/certificados.ts";
import { ate, atendendo, Fio, portasLivres, Programa } from "../apoio.ts";
import { SEM_ETCD } from "../apoio/etcd.ts";

/** Segundos que dura uma sessão do etcd destes testes. */
const SESSAO_S = 1;

/** Um etcd de um membro só, em TLS, onde só o usuário `kv` pode usar as keys que começam por `kv/`. */
async function abrirEtcdFechado() {
  const pasta = await Deno.makeTempDir({ prefix: "kv-etcd-" });
  const escrever = async (nome: string, texto: string, mode = 0o600) => {
    await Deno.writeTextFile(`${pasta}/${nome}`, texto, { mode });
    return `${pasta}/${nome}`;
  };
  const { ca, cert, chave } = await fazerCertificados(["127.0.0.1"]);
  const [clientes, pares] = portasLivres(2);
  const url = `https://127.0.0.1:${clientes}`;
  const par = `http://127.0.0.1:${pares}`;
  const filho = new Deno.Command("etcd", {
    args: [
      ...["--name=m", `--data-dir=${pasta}/m`, `--auth-token-ttl=${SESSAO_S}`],
      ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
      ...[`--listen-peer-urls=${par}`, `--initial-advertise-peer-urls=${par}`],
      ...[`--initial-cluster=m=${par}`, "--logger=zap", "--log-level=error"],
      `--cert-file=${await escrever("cert.pem", cert)}`,
      `--key-file=${await escrever("chave.pem", chave)}`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const client = Deno.createHttpClient({ caCerts: [ca] });
  const pedir = async (caminho: string, corpo: object) => {
    const opcoes = { method: "POST", body: JSON.stringify(corpo), client };
    const resposta = await fetch(url + caminho, opcoes).catch(() => undefined);
    return { ok: resposta?.ok ?? false, texto: await resposta?.text() };
  };
  const administrar = async (caminho: string, corpo: object) => {
    const { ok, texto } = await pedir(caminho, corpo);
    if (!ok) throw new Error(`${caminho}: ${texto}`);
  };
  try {
    await ate(async () => (await pedir("/v3/maintenance/status", {})).ok, "o etcd responder");
    for (const [name, password] of [["root", "a do root"], ["kv", "a: do kv"]] as const) {
      await administrar("/v3/auth/user/add", { name, password });
      await administrar("/v3/auth/role/add", { name });
      await administrar("/v3/auth/user/grant", { user: name, role: name });
    }
    const [key, fim] = ["kv/", "kv0"].map((texto) => btoa(texto));
    const perm = { permType: "READWRITE", key, "range_end": fim };
    await administrar("/v3/auth/role/grant", { name: "kv", perm });
    await administrar("/v3/auth/enable", {});
  } catch (erro) {
    filho.kill("SIGKILL");
    await filho.status;
    client.close();
    throw erro;
  }
  return {
    url,
    escrever,
    ca: await escrever("ca.pem", ca),
    async [Symbol.asyncDispose]() {
      filho.kill("SIGKILL");
      await filho.status;
      client.close();
      await Deno.remove(pasta, { recursive: true });
    },
  };
}

/** Uma ponte com estas opções. */
function comecarPonte(...opcoes: string[]) {
  const [porta] = portasLivres(1);
  const programa = new Programa("ponte/ponte", ["--ip=127.0.0.1", `--porta=${porta}`, ...opcoes]);
  return { endereco: `127.0.0.1:${porta}`, programa };
}

Deno.test(
  "um etcd com https e usuários: a ponte prova quem é, e outra vez quando a sessão acaba",
  { ignore: SEM_ETCD },
  async () => {
    await using etcd = await abrirEtcdFechado();
    const usuario = await etcd.escrever("usuario.txt", "kv:a: do kv\n");
    const opcoes = [`--etcd=${etcd.url}`, `--etcd-ca=${etcd.ca}`, `--usuario=${usuario}`];
    const [uma, outra] = [comecarPonte(...opcoes), comecarPonte(...opcoes)];
    try {
      await Promise.all([atendendo(uma.endereco), atendendo(outra.endereco)]);
      await using fio = await Fio.abrir(uma.endereco);
      await ate(async () => {
        await fio.pedir({ tipo: "PUT", id: 0, key: "prova", value: "v" });
        return outra.programa.saida.includes("REPLICATION key:prova ");
      }, "a outra ponte começar a ver");
      for (let n = 1; n <= 3; n++) {
        const lote = Array.from(
          { length: 20 },
          (_, id) => ({ tipo: "PUT", id, key: `k${id}`, value: String(n) }),
        );
        await fio.enviar(lote);
        const respostas = await fio.receberVarias(lote.length);
        assertEquals(respostas.filter(({ tipo }) => tipo !== "PUT_OK"), []);
        assertEquals((await fio.pedir({ tipo: "GET", id: 99, key: "k7" })).value, String(n));
        await ate(
          () => outra.programa.saida.includes(`REPLICATION key:k19 value:${n} ts:`),
          "a outra ponte ver o que mudou",
        );
        // O bastante para que a sessão acabe.
        await new Promise((resolver) => setTimeout(resolver, 2_500 * SESSAO_S));
      }
      assertEquals(uma.programa.avisos.includes("não atende"), false, uma.programa.avisos);
    } finally {
      await Promise.all([uma.programa.matar(), outra.programa.matar()]);
    }
  },
);

Deno.test(
  "uma senha errada, uma autoridade errada, um usuário sem permissão: a ponte di-lo numa frase",
  { ignore: SEM_ETCD },
  async () => {
    await using etcd = await abrirEtcdFechado();
    const { ca: outraCa } = await fazerCertificados(["127.0.0.1"]);
    const casos = [
      ["senha.txt", "kv:outra", etcd.ca, "", /não reconhece este usuário|não aceita este pedido/],
      ["outra.txt", "kv:a: do kv", await etcd.escrever("outra.pem", outraCa), "", /autoridade/],
      ["prefixo.txt", "kv:a: do kv", etcd.ca, "x/", /não deixa este usuário fazer isso/],
    ] as const;
    for (const [nome, quem, ca, prefixo, frase] of casos) {
      const usuario = await etcd.escrever(nome, quem);
      const { endereco, programa } = comecarPonte(
        ...[`--etcd=${etcd.url}`, `--etcd-ca=${ca}`, `--usuario=${usuario}`],
        ...(prefixo === "" ? [] : [`--prefixo=${prefixo}`]),
      );
      try {
        if (prefixo === "") {
          await ate(() => frase.test(programa.avisos), () => `${nome}: ${programa.avisos}`);
          continue;
        }
        await atendendo(endereco);
        await using fio = await Fio.abrir(endereco);
        const { tipo, erro, definitivo } = await fio.pedir({
          ...{ tipo: "PUT", id: 1, key: "k", value: "v" },
        });
        assertEquals([tipo, definitivo], ["ERRO", true]);
        assertMatch(String(erro), frase);
      } finally {
        await programa.matar();
      }
    }
    const aberto = await etcd.escrever("aberto.txt", "kv:a: do kv");
    if (Deno.build.os === "windows") return;
    await Deno.chmod(aberto, 0o644);
    const { programa } = comecarPonte(`--etcd=${etcd.url}`, `--usuario=${aberto}`);
    assertEquals(await programa.codigo(), 2);
    assertMatch(programa.avisos, /--usuario: outros podem ler .*; use chmod 600/);
    await programa.matar();
  },
);
