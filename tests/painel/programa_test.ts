/**
 * O painel como programa: o endereço numa linha, e um fim que não deixa nada.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ate, MAPA, RAIZ } from "../apoio.ts";

/** Começa o painel com estes argumentos; quem o usa espera pelo fim. */
function comecar(...args: string[]) {
  const filho = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-NRW", "--allow-run", ...MAPA, "exemplos/painel.ts", ...args],
    cwd: RAIZ,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const dito = { saida: "", erros: "" };
  const lendo = Promise.all((["stdout", "stderr"] as const).map(async (qual) => {
    for await (const texto of filho[qual].pipeThrough(new TextDecoderStream())) {
      dito[qual === "stdout" ? "saida" : "erros"] += texto;
    }
  }));
  const fim = async () => {
    const { code } = await filho.status;
    await lendo;
    return code;
  };
  return { filho, dito, fim };
}

Deno.test("painel diz onde está, serve, e com Ctrl-C acaba sem deixar processos", async () => {
  const { filho, dito, fim } = comecar("--porta=0");
  const endereco = await ate(
    () => /http:\/\/127\.0\.0\.1:\d+\//.exec(dito.saida)?.[0],
    "o endereço",
  );
  const cenas = await (await fetch(endereco + "cenas")).json();
  assertEquals(cenas.length, 5);
  const fluxo = await fetch(endereco + "fluxo");
  const leitor = fluxo.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert((await leitor.read()).value!.startsWith("retry:"));
  filho.kill("SIGINT");
  assertEquals(await fim(), 0, dito.erros);
  await leitor.cancel().catch(() => {});
  assertEquals([dito.saida.split("\n").length, dito.erros], [2, ""]);
});

Deno.test("painel recusa o que não entende, com 2, e --ajuda diz como se usa", async () => {
  for (const args of [["--nada"], ["sobra"], ["--porta=99999"], ["--rastro=a", "--rever=b"]]) {
    const { dito, fim } = comecar(...args);
    assertEquals(await fim(), 2, args.join(" "));
    assert(dito.erros.startsWith("ERRO: "), dito.erros);
  }
  const { dito, fim } = comecar("--ajuda");
  assertEquals(await fim(), 0);
  assert(dito.saida.startsWith("Uso: painel"));
});
