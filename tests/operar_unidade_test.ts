/**
 * A unidade do systemd de exemplos/kv-servidor.service, tal como está escrita: conferida com as
 * ferramentas dele, onde as há, e corrida três vezes com o seu comando e só o seu ambiente.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Cliente } from "../cliente.ts";
import { ate, MAPA, portasLivres, RAIZ } from "./apoio.ts";

const UNIDADE = await Deno.readTextFile(new URL("exemplos/kv-servidor.service", RAIZ));
const SEM_SYSTEMD = await semSystemd();

/** As bibliotecas já cá estão, como da segunda vez que a unidade começa. */
const CACHE = await ondeEstaoAsBibliotecas();

async function ondeEstaoAsBibliotecas(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

async function semSystemd(): Promise<boolean> {
  try {
    const comando = new Deno.Command("systemd-analyze", { args: ["--version"], stdout: "null" });
    return !(await comando.output()).success;
  } catch {
    return true;
  }
}

/** Os valores de uma diretiva, por ordem. */
const valoresDe = (diretiva: string) =>
  [...UNIDADE.matchAll(new RegExp(`^${diretiva}=(.*)$`, "gm"))].map(([, valor]) => valor!);

/** O que muda de uma máquina para outra, e onde está o que, na máquina, está noutro lado. */
function nestaMaquina(texto: string, pasta: string, porta: number, saude: number): string {
  return texto
    .replaceAll("/usr/local/bin/deno run", `${Deno.execPath()} run ${MAPA.join(" ")}`)
    .replaceAll("/opt/kv/", new URL(RAIZ).pathname)
    .replaceAll("/var/lib/kv", `${pasta}/dados-${porta}`)
    .replaceAll("/var/cache/kv", CACHE)
    .replaceAll("--porta=10097", `--porta=${porta}`)
    .replaceAll("--saude=10197", `--saude=${saude}`);
}

Deno.test("a unidade não tem erros para o systemd", { ignore: SEM_SYSTEMD }, async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-unidade-" });
  try {
    const arquivo = `${pasta}/kv-servidor.service`;
    await Deno.writeTextFile(arquivo, nestaMaquina(UNIDADE, pasta, 10097, 10197));
    const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["verify", "--man=no", arquivo],
      stdout: "piped",
      stderr: "piped",
    }).output();
    const texto = new TextDecoder();
    const dito = (texto.decode(stdout) + texto.decode(stderr)).split("\n")
      .filter((linha) => linha.includes("kv-servidor"));
    assertEquals([code, dito], [0, []]);
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});

Deno.test("a unidade espera por um servidor que para em ordem, e não recomeça um uso errado", () => {
  const [segundos] = valoresDe("TimeoutStopSec").map(Number);
  assert(segundos! > 5 + 1, String(segundos));
  assertEquals(valoresDe("RestartPreventExitStatus"), ["2"]);
  assertMatch(valoresDe("ExecStart")[0]!, / --silencioso /);
});

Deno.test(
  "três servidores com o comando e o ambiente da unidade, sem pasta pessoal: um PUT, e param em ordem",
  { ignore: Deno.build.os === "windows" },
  async () => {
    const pasta = await Deno.makeTempDir({ prefix: "kv-unidade-" });
    const portas = portasLivres(6) as [number, ...number[]];
    // Como se alguém tivesse posto isto em /etc/kv/servidor.env.
    const opcoes = " --prazo=4000 --replicas=2";
    const comecar = (porta: number, saude: number) => {
      const [env, [comando]] = [
        valoresDe("Environment").map((valor) => nestaMaquina(valor, pasta, porta, saude)),
        valoresDe("ExecStart").map((valor) => nestaMaquina(valor, pasta, porta, saude)),
      ];
      const variaveis = Object.fromEntries(env.map((valor) => valor.split("=", 2)));
      variaveis.KV_LIDER = `127.0.0.1:${portas[0]}`;
      const [programa, ...args] = comando!.replaceAll(
        /\$\{(\w+)\}/g,
        (_, nome: string) => variaveis[nome],
      ).replace(/ \$KV_OPCOES$/, opcoes).split(" ");
      return new Deno.Command(programa!, {
        args,
        clearEnv: true,
        env: variaveis,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    };
    const filhos = [0, 1, 2].map((n) => comecar(portas[n]!, portas[n + 3]!));
    try {
      await ate(async () => {
        const resposta = await fetch(`http://127.0.0.1:${portas[3]}/readyz`).catch(() => undefined);
        return (await resposta?.json())?.aceitaPuts;
      }, "o grupo aceitar PUTs");
      await using cliente = new Cliente([`127.0.0.1:${portas[1]}`]);
      assertEquals((await cliente.put("k", "v")).timestamp, 1);
    } finally {
      for (const filho of filhos) filho.kill("SIGTERM");
      const saidas = await Promise.all(filhos.map((filho) => filho.output()));
      await Deno.remove(pasta, { recursive: true });
      for (const { code, stdout, stderr } of saidas) {
        assertEquals([code, stdout.length], [0, 0], new TextDecoder().decode(stderr));
      }
    }
  },
);
