/**
 * O que custa estar parado, e o custo cresce com o que se guarda?
 *
 * O teto: um Deno vazio ocupa uns 35 a 45 MB e começa em 50 ms; a tabela guarda cada
 * key e value uma vez, e o Map custa umas dezenas de bytes por key. Um GET é uma
 * consulta a um Map, que não depende de quantas keys há, a não ser pela memória cache.
 *
 * Mede, sempre na mesma corrida: do início de três servidores ao primeiro PUT_OK; a
 * memória de um servidor parado, e a de um Deno vazio; mil conexões paradas; GETs e
 * PUTs com mil keys e com um milhão, e a memória depois de cada uma escrita duas vezes.
 *
 * ```sh
 * deno task bench:custos
 * ```
 *
 * @module
 */

import { Cliente } from "../cliente.ts";
import { argumentosDoServidor, portasLivres, Programa } from "../tests/apoio.ts";
import { type Grupo, medir, type Operador, residente } from "./carga.ts";
import { este } from "./nossos.ts";

const INICIOS = 5;
const CONEXOES_PARADAS = 1000;
const KEYS = 1_000_000;
const VALUE = "x".repeat(100);
const OPERARIOS = 64;
const MEDIDA = { ms: 4000, aquecer: 2000 };
/** Repetições de cada medida; fica a mediana. */
const REPETICOES = 3;

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
const mediana = (valores: number[]) => valores.sort((a, b) => a - b)[valores.length >> 1]!;
const esperar = (ms: number) => new Promise((resolver) => setTimeout(resolver, ms));
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

/** Milissegundos do início de três servidores ao primeiro PUT_OK. */
async function inicio(): Promise<number> {
  const portas = portasLivres(3);
  const comeco = performance.now();
  const programas = portas.map((porta) =>
    new Programa("servidor", argumentosDoServidor(porta, portas[0]!))
  );
  await using cliente = new Cliente(portas.map((porta) => `127.0.0.1:${porta}`));
  await cliente.put("k", "v");
  const ms = performance.now() - comeco;
  await Promise.all(programas.map((programa) => programa.matar()));
  return ms;
}

/** A memória de um Deno que nada faz. */
async function vazio(): Promise<number> {
  const args = ["eval", "-q", "setInterval(() => {}, 1000)"];
  const filho = new Deno.Command(Deno.execPath(), { args }).spawn();
  await esperar(1500);
  const bytes = residente(filho.pid);
  filho.kill("SIGKILL");
  await filho.status;
  return bytes;
}

/** PUTs e GETs por segundo em `keys` keys. */
async function ritmos(grupo: Grupo, operadores: readonly Operador[], keys: number) {
  const key = () => `key${Math.floor(Math.random() * keys)}`;
  const [puts, gets]: number[][] = [[], []];
  for (let n = 0; n < REPETICOES; n++) {
    const put = await medir(operadores, (o) => o.put(key(), VALUE), grupo, MEDIDA);
    const get = await medir(operadores, (o) => o.get(key()), grupo, MEDIDA);
    puts!.push(put.porSegundo);
    gets!.push(get.porSegundo);
  }
  return { put: mediana(puts!), get: mediana(gets!) };
}

type Ritmos = Awaited<ReturnType<typeof ritmos>>;
const comparar = (antes: Ritmos, depois: Ritmos) =>
  (["put", "get"] as const).map((o) =>
    `${o.toUpperCase()} ${Math.round(depois[o])}/s, ${(depois[o] / antes[o]).toFixed(2)} vezes`
  ).join("; ");

if (import.meta.main) {
  const inicios: number[] = [];
  for (let n = 0; n < INICIOS; n++) inicios.push(await inicio());
  escrever(`do início ao primeiro PUT_OK: ${Math.round(mediana(inicios))} ms (mediana de 5)`);

  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  {
    await using grupo = await este(true).iniciar(pasta, false);
    await esperar(3000);
    const memorias = () => grupo.processos.map(({ pid }) => residente(pid));
    const nomes = grupo.processos.map(({ nome }) => nome);
    const parados = memorias().map((bytes, n) => `${nomes[n]} ${mb(bytes)}`).join(", ");
    escrever(`parados: ${parados}; um Deno vazio, ${mb(await vazio())}`);

    await using ligacao = await grupo.ligar(OPERARIOS, true);
    const { operadores } = ligacao;
    const sem = await ritmos(grupo, operadores, 1000);
    escrever(`mil keys: PUT ${Math.round(sem.put)}/s, GET ${Math.round(sem.get)}/s`);
    const antes = memorias();
    const paradas = await grupo.ligar(CONEXOES_PARADAS, false);
    // Uma conexão existe a partir do primeiro pedido; depois dele, fica parada.
    await Promise.all(paradas.operadores.map((operador) => operador.get("k")));
    await esperar(1000);
    const custo = memorias().reduce((soma, bytes, n) => soma + bytes - antes[n]!, 0);
    escrever(`mil conexões paradas: ${(custo / CONEXOES_PARADAS / 1000).toFixed(1)} kB cada`);
    const com = await ritmos(grupo, operadores, 1000);
    escrever(`com elas: ${comparar(sem, com)}`);
    await paradas[Symbol.asyncDispose]();

    for (let vez = 0; vez < 2; vez++) {
      let proxima = 0;
      await Promise.all(Array.from({ length: 512 }, async () => {
        while (proxima < KEYS) await operadores[0]!.put(`key${proxima++}`, VALUE);
      }));
    }
    const bytes = KEYS * (VALUE.length + `key${KEYS / 2}`.length);
    await esperar(3000);
    const vezes = memorias().map((m, n) => `${nomes[n]} ${mb(m)}, ${(m / bytes).toFixed(1)} vezes`);
    escrever(`um milhão de keys, escritas duas vezes (${mb(bytes)}): ${vezes.join("; ")}`);
    escrever(`com um milhão: ${comparar(sem, await ritmos(grupo, operadores, KEYS))}`);
  }
  await Deno.remove(pasta, { recursive: true });
  escrever(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} processadores`);
  Deno.exit(0);
}
