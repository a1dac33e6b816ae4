/**
 * As métricas e os alertas prontos, vistos pelo Prometheus: no Debian, o promtool vem no pacote
 * `prometheus`; sem ele, os dois testes que o usam são ignorados.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Servidor } from "../../servidor.ts";
import { RAIZ } from "../apoio.ts";

const SEM_PROMTOOL = !await ha("promtool");

async function ha(programa: string): Promise<boolean> {
  try {
    await new Deno.Command(programa, { args: ["--version"], stdout: "null", stderr: "null" })
      .output();
    return true;
  } catch {
    return false;
  }
}

/** Corre o promtool; devolve o que disse, e falha se não saiu com 0. */
async function promtool(args: readonly string[], entrada = ""): Promise<string> {
  const filho = new Deno.Command("promtool", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const escritor = filho.stdin.getWriter();
  await escritor.write(new TextEncoder().encode(entrada));
  await escritor.close();
  const { code, stdout, stderr } = await filho.output();
  const texto = new TextDecoder();
  const dito = texto.decode(stdout) + texto.decode(stderr);
  assertEquals(code, 0, dito);
  return dito;
}

/** As métricas de um servidor que já fez um pouco de tudo. */
async function recolher(): Promise<string> {
  const dados = await Deno.makeTempDir({ prefix: "kv-alertas-" });
  try {
    await using seguidores = new AsyncDisposableStack();
    const saude = { ip: "127.0.0.1", porta: 0 };
    await using lider = await Servidor.iniciar({ porta: 0, replicas: 1, dados, saude });
    const seguidor = seguidores.use(
      await Servidor.iniciar({ porta: 0, lider: lider.endereco, saude }),
    );
    const conn = await Deno.connect({ port: Number(seguidor.endereco.split(":")[1]) });
    const pedidos = [{ tipo: "PUT", key: "k", value: "v" }, { tipo: "GET", key: "k" }, {}];
    for (const pedido of pedidos) {
      await conn.write(new TextEncoder().encode(JSON.stringify(pedido) + "\n"));
      await conn.read(new Uint8Array(1024));
    }
    await conn.write(new Uint8Array([255, 10]));
    await conn.read(new Uint8Array(1024));
    conn.close();
    const textos = await Promise.all([lider, seguidor].map(async (servidor) => {
      return await (await fetch(`http://${servidor.saude}/metrics`)).text();
    }));
    return textos.join("\n");
  } finally {
    await Deno.remove(dados, { recursive: true });
  }
}

Deno.test("toda métrica está em docs/operar.md, e os alertas e o manual não falam de outras", async () => {
  const ha = new Set([...(await recolher()).matchAll(/^# TYPE (\w+) /gm)].map(([, nome]) => nome!));
  const ditas = async (arquivo: string) => {
    const texto = await Deno.readTextFile(new URL(arquivo, RAIZ));
    const nomes = texto.match(/\b(kv|process)_[a-z_]+[a-z]\b/g) ?? [];
    return new Set(nomes.map((nome) => nome.replace(/_(bucket|sum|count)$/, "")));
  };
  const doManual = await ditas("docs/operar.md");
  assertEquals([...ha].filter((nome) => !doManual.has(nome)), []);
  for (const arquivo of ["docs/operar.md", "exemplos/alertas.yml"]) {
    assertEquals([...await ditas(arquivo)].filter((nome) => !ha.has(nome)), [], arquivo);
  }
});

Deno.test(
  "o promtool lê as métricas sem lhes achar defeito",
  { ignore: SEM_PROMTOOL },
  async () => {
    const [doLider, doSeguidor] = (await recolher()).split(/\n(?=# HELP kv_build_info)/);
    assertEquals(await promtool(["check", "metrics"], doLider), "");
    assertEquals(await promtool(["check", "metrics"], doSeguidor), "");
  },
);

Deno.test("cada alerta toca quando deve, e só então", { ignore: SEM_PROMTOOL }, async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-alertas-" });
  try {
    for (const arquivo of ["exemplos/alertas.yml", "tests/projeto/alertas_prova.yml"]) {
      await Deno.copyFile(new URL(arquivo, RAIZ), `${pasta}/${arquivo.split("/").at(-1)}`);
    }
    await promtool(["check", "rules", `${pasta}/alertas.yml`]);
    await promtool(["test", "rules", `${pasta}/alertas_prova.yml`]);
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});
