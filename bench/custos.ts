/**
 * O que custa estar parado, e o custo cresce com o que se guarda?
 *
 * O teto: um Deno vazio ocupa uns 35 a 45 MB e começa em 50 ms; a tabela guarda cada
 * key e value uma vez, e o Map custa umas dezenas de bytes por key. Um GET é uma
 * consulta a um Map, que não depende de quantas keys há, a não ser pela memória cache. Um
 * `cliente get` é um processo: nunca menos do que um Deno vazio, mais os módulos que lê.
 *
 * Mede, sempre na mesma corrida: do início de três servidores ao primeiro PUT_OK; um
 * `cliente get KEY`, o processo inteiro, e um programa vazio; a memória de um servidor
 * parado, e a de um Deno vazio; o que as linhas da console tiram a GETs e PUTs; mil conexões
 * paradas; GETs e PUTs com mil keys e com um milhão, e a memória depois de cada uma escrita
 * duas vezes, logo e passado um pouco; e o mesmo com o esqueleto, que não guarda nem faz mais nada.
 *
 * ```sh
 * deno task bench:custos
 * ```
 *
 * @module
 */

import { Cliente } from "../cliente.ts";
import {
  argumentosDoServidor,
  iniciarTresProgramas,
  lerOpcoes,
  MAPA,
  portasLivres,
  Programa,
  RAIZ,
} from "../tests/apoio.ts";
import { type Grupo, type Ligacao, medir, type Operador, residente } from "./carga.ts";
import { esqueleto, este } from "./nossos.ts";

const INICIOS = 5;
const CONEXOES_PARADAS = 1000;
const KEYS = 1_000_000;
const VALUE = "x".repeat(100);
const OPERARIOS = 64;
const MEDIDA = { ms: 1000, aquecer: 300 };
/** Pares de medidas de cada comparação. */
const REPETICOES = 11;
/** Trios de processos: um programa vazio, o menor que faz um GET, e `cliente get`. */
const TRIOS_DE_PROCESSOS = 21;

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

/** Milissegundos de um processo, do pedido de o criar a ter acabado; lança se não saiu com zero. */
async function processo(modulo: string, args: readonly string[] = []): Promise<number> {
  const comeco = performance.now();
  // As opções da tarefa `client`.
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-NRW", ...MAPA, modulo, ...args],
    cwd: RAIZ,
    stdin: "null",
  }).output();
  const ms = performance.now() - comeco;
  if (code !== 0) throw new Error(`${modulo}: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

/**
 * O que custa um cliente para um pedido só, que é um processo, ao lado de um programa vazio com
 * as mesmas opções, e do menor que faz um GET; em trios alternados, e a razão é a mediana das de
 * cada trio.
 */
async function umPedidoSo(pasta: string): Promise<string> {
  await using grupo = await iniciarTresProgramas();
  {
    await using cliente = new Cliente(grupo.enderecos);
    await cliente.put("cor", "azul");
  }
  const vazio = `${pasta}/vazio.ts`;
  await Deno.writeTextFile(vazio, "");
  const get = ["get", "cor", `--servidores=${grupo.enderecos.join()}`];
  const minimo = [...grupo.enderecos[0]!.split(":"), "cor"];
  const trios: { vazio: number; minimo: number; cliente: number }[] = [];
  for (let n = 0; n <= TRIOS_DE_PROCESSOS; n++) {
    trios.push({
      vazio: await processo(vazio),
      minimo: await processo("bench/minimo.ts", minimo),
      cliente: await processo("cliente.ts", get),
    });
  }
  trios.shift(); // Compilou e guardou os módulos.
  const ms = (qual: "vazio" | "minimo" | "cliente") =>
    `${Math.round(mediana(trios.map((trio) => trio[qual])))} ms`;
  const vezes = (qual: "minimo" | "cliente") =>
    mediana(trios.map((trio) => trio[qual] / trio.vazio)).toFixed(2);
  return `${ms("cliente")}, ${vezes("cliente")} vezes um programa vazio (${ms("vazio")}); ` +
    `o menor que faz um GET, ${ms("minimo")}, ${vezes("minimo")} vezes`;
}

/** Um grupo a medir, e quantas keys diferentes se usam nele. */
interface Caso {
  readonly grupo: Grupo;
  readonly operadores: readonly Operador[];
  readonly keys: number;
}

/**
 * Quantas vezes o segundo caso é mais rápido que o primeiro, em PUTs e em GETs. Os dois
 * são medidos alternadamente, porque a máquina varia mais do que o que se procura; é a
 * mediana das razões de cada par.
 */
async function comparar(um: Caso, outro: Caso): Promise<string> {
  const ritmo = async ({ grupo, operadores, keys }: Caso, operacao: "put" | "get") => {
    const key = () => `key${Math.floor(Math.random() * keys)}`;
    const pedido = (o: Operador) => operacao === "put" ? o.put(key(), VALUE) : o.get(key());
    return (await medir(operadores, pedido, grupo, MEDIDA)).porSegundo;
  };
  const textos: string[] = [];
  for (const operacao of ["put", "get"] as const) {
    const [primeiros, segundos, razoes]: number[][] = [[], [], []];
    for (let n = 0; n < REPETICOES; n++) {
      primeiros!.push(await ritmo(um, operacao));
      segundos!.push(await ritmo(outro, operacao));
      razoes!.push(segundos!.at(-1)! / primeiros!.at(-1)!);
    }
    const [antes, depois] = [primeiros!, segundos!].map((v) => Math.round(mediana(v)));
    const razao = mediana(razoes!).toFixed(2);
    textos.push(`${operacao.toUpperCase()} ${antes}/s e ${depois}/s, ${razao} vezes`);
  }
  return textos.join("; ");
}

/** Escreve cada uma de um milhão de keys. */
async function encher({ operadores }: Ligacao): Promise<void> {
  let proxima = 0;
  await Promise.all(Array.from({ length: 512 }, async (_, n) => {
    const operador = operadores[n % operadores.length]!;
    while (proxima < KEYS) await operador.put(`key${proxima++}`, VALUE);
  }));
}

if (import.meta.main) {
  lerOpcoes("bench:custos", { textos: [], sinais: [] }, () => {});
  const inicios: number[] = [];
  for (let n = 0; n < INICIOS; n++) inicios.push(await inicio());
  escrever(`do início ao primeiro PUT_OK: ${Math.round(mediana(inicios))} ms (mediana de 5)`);

  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  escrever(`um GET da linha de comando: ${await umPedidoSo(pasta)} (${TRIOS_DE_PROCESSOS} trios)`);
  for (const nome of ["mil", "falador", "outro"]) await Deno.mkdir(`${pasta}/${nome}`);
  {
    // Um grupo sempre com mil keys e nada mais, para comparar; e o outro.
    await using mil = await este(true).iniciar(`${pasta}/mil`, false);
    await using grupo = await este(true).iniciar(`${pasta}/outro`, false);
    await esperar(3000);
    const memorias = () => grupo.processos.map(({ pid }) => residente(pid));
    const nomes = grupo.processos.map(({ nome }) => nome);
    const parados = memorias().map((bytes, n) => `${nomes[n]} ${mb(bytes)}`).join(", ");
    escrever(`parados: ${parados}; um Deno vazio, ${mb(await vazio())}`);

    await using ligacaoDeMil = await mil.ligar(OPERARIOS, true);
    await using ligacao = await grupo.ligar(OPERARIOS, true);
    const { operadores } = ligacao;
    const casoDeMil = { grupo: mil, operadores: ligacaoDeMil.operadores, keys: 1000 };
    {
      await using falador = await este(false).iniciar(`${pasta}/falador`, false);
      await using ligacaoDele = await falador.ligar(OPERARIOS, true);
      const caso = { grupo: falador, operadores: ligacaoDele.operadores, keys: 1000 };
      escrever(`sem e com as linhas da console, num arquivo: ${await comparar(casoDeMil, caso)}`);
    }
    await comparar(casoDeMil, { grupo, operadores, keys: 1000 }); // Aquece: só conta o que cresce daqui.
    const antes = memorias();
    const paradas = await grupo.ligar(CONEXOES_PARADAS, false);
    // Uma conexão existe a partir do primeiro pedido; depois dele, fica parada.
    await Promise.all(paradas.operadores.map((operador) => operador.get("k")));
    await esperar(1000);
    const custo = memorias().reduce((soma, bytes, n) => soma + bytes - antes[n]!, 0);
    escrever(`mil conexões paradas: ${(custo / CONEXOES_PARADAS / 1000).toFixed(1)} kB cada`);
    const comElas = await comparar(casoDeMil, { grupo, operadores, keys: 1000 });
    escrever(`sem e com elas: ${comElas}`);
    await paradas[Symbol.asyncDispose]();

    for (let vez = 0; vez < 2; vez++) await encher(ligacao);
    const bytes = KEYS * (VALUE.length + `key${KEYS / 2}`.length);
    let passados = 0;
    for (const segundos of [3, 20]) {
      await esperar((segundos - passados) * 1000);
      passados = segundos;
      const vezes = memorias().map((m, n) =>
        `${nomes[n]} ${mb(m)}, ${(m / bytes).toFixed(1)} vezes`
      );
      escrever(
        `um milhão de keys, duas vezes (${mb(bytes)}), ${segundos} s depois: ${vezes.join("; ")}`,
      );
    }
    const comUmMilhao = await comparar(casoDeMil, { grupo, operadores, keys: KEYS });
    escrever(`com mil e com um milhão: ${comUmMilhao}`);
  }
  {
    await using mil = await esqueleto(true).iniciar(`${pasta}/mil`, false);
    await using grupo = await esqueleto(true).iniciar(`${pasta}/outro`, false);
    await using ligacaoDeMil = await mil.ligar(OPERARIOS, true);
    await using ligacao = await grupo.ligar(OPERARIOS, true);
    await encher(ligacao);
    const deMil = { grupo: mil, operadores: ligacaoDeMil.operadores, keys: 1000 };
    const deUmMilhao = { grupo, operadores: ligacao.operadores, keys: KEYS };
    escrever(`o esqueleto, com mil e com um milhão: ${await comparar(deMil, deUmMilhao)}`);
  }
  await Deno.remove(pasta, { recursive: true });
  escrever(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} processadores`);
  Deno.exit(0);
}
