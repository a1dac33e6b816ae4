/**
 * Quanto custa a volta de um servidor vazio a um grupo com um milhão de keys?
 *
 * O teto: a tabela inteira passa uma vez por JSON.stringify no líder e JSON.parse
 * no seguidor, cada um num processo: perto de 2 µs por registro em cada lado, logo
 * uns 2 s por milhão, se nada mais disputa os processadores.
 *
 * Mede o tempo até o servidor estar em dia, a memória dos dois lados e o p99 de
 * GETs nos dois, durante a volta e em repouso, na mesma corrida. Com `--disco`, também o que
 * a pasta ocupa e quanto leva um servidor a começar com ela cheia.
 *
 * ```sh
 * deno task bench:volta --keys=100000 --disco
 * ```
 *
 * @module
 */

import { lerEndereco } from "../lib/endereco.ts";
import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { type Elo } from "../lib/pedidos.ts";
import { type Corpo, discar } from "../mensagem.ts";
import {
  argumentosDoServidor,
  ate,
  atendendo,
  lerOpcoes,
  naoDeixarProgramas,
  portasLivres,
  Programa,
} from "../tests/apoio.ts";

/** Keys na tabela, o value de cada uma, PUTs em curso ao encher e duração do repouso. */
const PADRAO_KEYS = 1_000_000;
const VALUE = "x".repeat(100);
const EM_CURSO = 2_000;
const REPOUSO_MS = 5_000;

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));

/** Laço fechado: pede um GET por vez, sem pausa, e guarda quanto cada um demorou. */
function sondar(elo: Elo<Corpo>, keys: number) {
  const demoras: number[] = [];
  let parar = false;
  const fim = (async () => {
    for (let n = 0; !parar && !elo.perdido; n++) {
      const inicio = performance.now();
      await elo.pedir({ tipo: "GET", key: `key${n * 7919 % keys}`, timestamp: 0 }, 10_000);
      demoras.push(performance.now() - inicio);
    }
  })();
  return {
    async parar() {
      parar = true;
      await fim;
      demoras.sort((a, b) => a - b);
      const quantil = (q: number) => demoras[Math.floor(demoras.length * q)] ?? NaN;
      return {
        n: demoras.length,
        p50: quantil(0.5),
        p99: quantil(0.99),
        maior: quantil(0.9999999),
      };
    },
  };
}

type Sonda = Awaited<ReturnType<ReturnType<typeof sondar>["parar"]>>;

const texto = ({ n, p50, p99, maior }: Sonda) =>
  `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, maior ${maior.toFixed(1)} ms (${n} GETs)`;

/** Memória residente de um processo, em MB, onde há `ps`. */
async function memoria(pid: number): Promise<string> {
  try {
    const ps = new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] });
    const { stdout } = await ps.output();
    return `${Math.round(Number(new TextDecoder().decode(stdout)) / 1024)} MB`;
  } catch {
    return "não disponível neste sistema";
  }
}

async function encher(elo: Elo<Corpo>, keys: number): Promise<void> {
  let proxima = 0;
  await Promise.all(Array.from({ length: EM_CURSO }, async () => {
    while (proxima < keys) {
      const key = `key${proxima++}`;
      const { tipo } = await elo.pedir({ tipo: "PUT", key, value: VALUE }, 30_000);
      if (tipo !== "PUT_OK") throw new Error(`PUT de ${key}: ${tipo}`);
    }
  }));
}

if (import.meta.main) {
  const { keys, disco } = lerOpcoes(
    "bench:volta [--keys=N] [--disco]",
    { textos: ["keys"], sinais: ["disco"] },
    (lidos) => ({
      keys: lerOpcao(lidos, "keys", inteiroEntre(1000, 10_000_000)) ?? PADRAO_KEYS,
      disco: lidos.opcoes.disco !== undefined,
    }),
  );
  naoDeixarProgramas();
  const portas = portasLivres(3);
  const enderecos = portas.map((porta) => `127.0.0.1:${porta}`);
  const pasta = await Deno.makeTempDir({ prefix: "kv-volta-" });
  const dados = (n: number) => disco ? [`--dados=${pasta}/${n}`] : [];
  const args = (n: number) =>
    argumentosDoServidor(portas[n]!, portas[0]!, ["--silencioso", "--prazo=30000", ...dados(n)]);
  const iniciar = async (n: number) => {
    const programa = new Programa("servidor", args(n));
    const inicio = performance.now();
    while (await atendendo(enderecos[n]!).then(() => false, () => true)) {
      // Não atende enquanto enche a tabela.
      if (performance.now() - inicio > 300_000) throw new Error("não começou em 300 s");
    }
    return programa;
  };
  const programas = [await iniciar(0), await iniciar(1), await iniciar(2)];
  const elos = await Promise.all(enderecos.map((e) => discar(lerEndereco(e), 1000)));
  const inicio = performance.now();
  await encher(elos[0]!, keys);
  escrever(`${keys} keys de ${VALUE.length} bytes em ${Math.round(performance.now() - inicio)} ms`);

  const repouso = [sondar(elos[0]!, keys), sondar(elos[2]!, keys)];
  await new Promise((resolver) => setTimeout(resolver, REPOUSO_MS));
  const emRepouso = await Promise.all(repouso.map((sonda) => sonda.parar()));

  await programas[2]!.matar();
  if (disco) {
    const bytes = (await Array.fromAsync(Deno.readDir(`${pasta}/2`)))
      .reduce((soma, { name }) => soma + Deno.statSync(`${pasta}/2/${name}`).size, 0);
    escrever(`pasta de dados: ${Math.round(bytes / 1e6)} MB`);
    const inicio = performance.now();
    programas[2] = await iniciar(2);
    escrever(`começa com a pasta cheia em ${Math.round(performance.now() - inicio)} ms`);
    await programas[2].matar();
    await Deno.remove(`${pasta}/2`, { recursive: true });
  }
  const partida = performance.now();
  programas[2] = await iniciar(2);
  const volta = await discar(lerEndereco(enderecos[2]!), 1000);
  const sondas = [sondar(elos[0]!, keys), sondar(volta, keys)];
  await ate(async () => {
    const put = { tipo: "PUT", key: "sonda", value: "v" } as const;
    return (await elos[0]!.pedir(put, 60_000)).tipo === "PUT_OK";
  }, "o PUT que diz que todos estão em dia");
  const segundos = (performance.now() - partida) / 1000;
  const naVolta = await Promise.all(sondas.map((sonda) => sonda.parar()));

  escrever(`volta: ${segundos.toFixed(1)} s, ${Math.round(keys / segundos)} registros/s`);
  for (const [n, nome] of [[0, "líder"], [1, "quem volta"]] as const) {
    const razao = naVolta[n]!.p99 / emRepouso[n]!.p99;
    escrever(`${nome}: memória ${await memoria(programas[n === 0 ? 0 : 2]!.pid)}`);
    escrever(`  GET em repouso: ${texto(emRepouso[n]!)}`);
    escrever(`  GET na volta:   ${texto(naVolta[n]!)}; p99 ${razao.toFixed(1)} vezes`);
  }
  escrever(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} processadores`);
  for (const linha of programas[0]!.erros.split("\n").filter((l) => /%/.test(l))) escrever(linha);
  for (const elo of [...elos, volta]) elo.fechar("fim");
  await Promise.all(programas.map((programa) => programa.matar()));
  await Deno.remove(pasta, { recursive: true });
}
